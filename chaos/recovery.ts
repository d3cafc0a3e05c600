import type { ChaosPostgres } from "./postgres.js";
import type { Replica } from "./replica.js";
import type { Traffic } from "./traffic.js";
import { messageOf, sleep } from "./waiting.js";
import type { Watch } from "./watch.js";

/** Bound: seconds from the return of the database until everything works. */
export const RECOVERY_SECONDS = 5;
/** The check continues this long beyond the bound, to report the actual time. */
const MAX_WATCH_SECONDS = 20;

interface Parts {
  readonly postgres: ChaosPostgres;
  readonly replicas: readonly Replica[];
  readonly traffic: Traffic;
  readonly watch: Watch;
}

/** Seconds from the return of the database until the last part worked, and the name of that part. */
export interface Recovery {
  readonly seconds: number;
  readonly last: string;
  readonly complete: boolean;
}

/**
 * Waits until every replica is ready, has accepted a later delivery and has processed a batch, and the inbox has no row from before
 * the return. Needs continuing traffic.
 */
export async function recovered({ postgres, replicas, traffic, watch }: Parts): Promise<Recovery> {
  const since = performance.now();
  const [before, batches] = await Promise.all([databaseTime(postgres), Promise.all(replicas.map(batchesOf))]);
  const checks = new Map<string, () => Promise<boolean> | boolean>([["the inbox", () => isProcessed(postgres, before)]]);
  for (const [position, replica] of replicas.entries()) {
    checks.set(`readiness of ${replica.name}`, () => watch.readySince(replica.index, since));
    checks.set(`a 202 by ${replica.name}`, () => traffic.record.lastOk(replica.index) >= since);
    checks.set(`a batch of ${replica.name}`, async () => (await batchesOf(replica)) > (batches[position] ?? 0));
  }
  let last = "";
  for (;;) {
    for (const [name, isDone] of checks) {
      if (!(await isDone())) continue;
      checks.delete(name);
      last = name;
    }
    const seconds = (performance.now() - since) / 1_000;
    if (checks.size === 0) return { seconds, last, complete: true };
    if (seconds > MAX_WATCH_SECONDS) return { seconds, last: [...checks.keys()].join(", "), complete: false };
    await sleep(50);
  }
}

async function databaseTime(postgres: ChaosPostgres): Promise<Date> {
  const [row] = await postgres.query<{ now: Date }>("SELECT clock_timestamp() AS now");
  return row?.now ?? new Date();
}

async function isProcessed(postgres: ChaosPostgres, before: Date): Promise<boolean> {
  const [row] = await postgres.query<{ left: boolean }>(
    "SELECT EXISTS (SELECT FROM octogauge.inbox WHERE received_at <= $1 UNION ALL SELECT FROM octogauge.retries WHERE received_at <= $1) AS left",
    [before],
    "chaos",
  );
  return row?.left === false;
}

/** Number of processed batches of a replica. */
async function batchesOf(replica: Replica): Promise<number> {
  try {
    const text = await replica.text("metrics/process");
    return Number(/^octogauge_processing_batch_duration_seconds_count (\d+)/m.exec(text)?.[1] ?? 0);
  } catch (error) {
    throw new Error(`${replica.name}: /metrics/process did not answer: ${messageOf(error)}`, { cause: error });
  }
}
