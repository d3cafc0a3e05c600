import pg from "pg";
import { byteaArray, textArray, uuidArray } from "../src/database/binary-array.js";
import { acceptBatch, type Pending } from "../src/intake/accept.sql.js";
import { projectionOf } from "../src/events/project.js";
import { generateHistory } from "../src/simulator/history.js";

const BATCH = 500;

/** Distinct run and job deliveries of GitHub's sizes, in the order of a simulated history. */
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

/** Fills the inbox like ingest. */
export const preloadInbox = (url: string, count: number): Promise<void> =>
  preload(url, count, async (pool, batch) => void (await acceptBatch(pool, batch)));

/** Fills the inbox for a plain queue: each payload is in its row, compressed by PostgreSQL. */
export const preloadRows = (url: string, count: number): Promise<void> =>
  preload(url, count, async (pool, batch) => {
    await pool.query(
      `INSERT INTO octogauge.inbox (priority, delivery_id, event, hook_id, form, payload)
       SELECT 0, u.id, u.event, 1, false, u.payload FROM unnest($1::uuid[], $2::text[], $3::bytea[]) AS u(id, event, payload)`,
      [
        uuidArray(batch.map(({ delivery }) => delivery.id)),
        textArray(batch.map(({ delivery }) => delivery.event)),
        byteaArray(batch.map(({ delivery }) => delivery.body)),
      ],
    );
  });

async function preload(
  url: string,
  count: number,
  store: (pool: pg.Pool, batch: readonly Pending[]) => Promise<void>,
  seed = 11,
): Promise<void> {
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  let batch: Pending[] = [];
  const flush = async () => {
    await store(
      pool,
      batch.sort((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1)),
    );
    batch = [];
  };
  for (const { id, event, body } of deliveries(count, seed)) {
    const bytes = Buffer.from(body);
    batch.push({
      delivery: { id, event, hookId: 1, form: false, body: bytes },
      projection: projectionOf(event, false, bytes),
      priority: 0,
    });
    if (batch.length === BATCH) await flush();
  }
  if (batch.length > 0) await flush();
  await pool.query("VACUUM ANALYZE octogauge.inbox");
  await pool.end();
}
