import { makeWorkerUtils } from "graphile-worker";
import PgBoss from "pg-boss";
import { deliveries } from "./preload.js";

const BATCH = 500;

function* batches(count: number, seed: number): Generator<{ id: string; event: string; payload: unknown }[]> {
  let batch: { id: string; event: string; payload: unknown }[] = [];
  for (const { id, event, body } of deliveries(count, seed)) {
    batch.push({ id, event, payload: JSON.parse(body) as unknown });
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}

/** Inserts the same payloads as jobs of graphile-worker. */
export async function preloadGraphile(url: string, count: number, seed = 11): Promise<void> {
  const utils = await makeWorkerUtils({ connectionString: url });
  await utils.migrate();
  for (const batch of batches(count, seed))
    await utils.addJobs(batch.map(({ event, payload }) => ({ identifier: "delivery", payload: { event, payload } })));
  await utils.release();
}

/** Inserts the same payloads as jobs of pg-boss. */
export async function preloadPgBoss(url: string, count: number, seed = 11): Promise<void> {
  const boss = new PgBoss({ connectionString: url, supervise: false, schedule: false });
  boss.on("error", () => undefined);
  await boss.start();
  await boss.createQueue("delivery");
  for (const batch of batches(count, seed))
    await boss.insert(batch.map(({ event, payload }) => ({ name: "delivery", data: { event, payload } as object })));
  await boss.stop({ graceful: false });
}
