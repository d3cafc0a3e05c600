import pg from "pg";
import { acceptBatch, type Pending } from "../src/inbox/accept.sql.js";
import { prune } from "../src/inbox/projection/prune.js";
import { generateHistory } from "../src/simulator/history.js";

const BATCH = 500;

/** Distinct run and job deliveries of GitHub's size, as a history tells them. */
export function* deliveries(count: number, seed: number): Generator<{ id: string; event: string; body: string }> {
  let given = 0;
  for (const { deliveryId, event, body } of generateHistory({
    seed,
    deliveries: count * 2,
    pad: true,
    duplicateRate: 0,
    secondHookRate: 0,
    owners: 4,
    repositories: 25,
  })) {
    if (event !== "workflow_run" && event !== "workflow_job") continue;
    yield { id: deliveryId, event, body };
    given += 1;
    if (given === count) return;
  }
}

/** Fills the inbox, as ingest does. */
export async function preloadInbox(url: string, count: number, seed = 11): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  let batch: Pending[] = [];
  const flush = async () => {
    await acceptBatch(
      pool,
      batch.sort((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1)),
    );
    batch = [];
  };
  for (const { id, event, body } of deliveries(count, seed)) {
    const bytes = Buffer.from(body);
    batch.push({ delivery: { id, event, hookId: 1, form: false, body: bytes }, projection: prune(event, false, bytes), priority: 0 });
    if (batch.length === BATCH) await flush();
  }
  if (batch.length > 0) await flush();
  await pool.query("VACUUM ANALYZE octogauge.inbox");
  await pool.end();
}
