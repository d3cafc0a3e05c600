import type { ChaosPostgres } from "./postgres.js";
import type { Replica } from "./replica.js";
import type { Traffic } from "./traffic.js";
import { messageOf, sleep } from "./waiting.js";
import type { Watch } from "./watch.js";

/** Within this time of the database's return everything works again. */
export const RECOVERY_SECONDS = 5;
/** How long we look, to say by how much it was missed. */
const PATIENCE_SECONDS = 20;

interface Parts {
  readonly postgres: ChaosPostgres;
  readonly replicas: readonly Replica[];
  readonly traffic: Traffic;
  readonly watch: Watch;
}

/** Seconds from the database's return until the last part worked again, and which part that was. */
export interface Recovery {
  readonly seconds: number;
  readonly last: string;
  readonly complete: boolean;
}

/**
 * Waits until every replica is ready, has accepted a delivery that was sent after the return, and has processed a batch, and
 * nothing that was in the inbox at the return is left there. Needs traffic that goes on.
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
    for (const [name, isSo] of checks) {
      if (!(await isSo())) continue;
      checks.delete(name);
      last = name;
    }
    const seconds = (performance.now() - since) / 1_000;
    if (checks.size === 0) return { seconds, last, complete: true };
    if (seconds > PATIENCE_SECONDS) return { seconds, last: [...checks.keys()].join(", "), complete: false };
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

/** Transactions that have processed something, of this replica. */
async function batchesOf(replica: Replica): Promise<number> {
  try {
    const text = await replica.text("metrics/process");
    return Number(/^octogauge_processing_batch_duration_seconds_count (\d+)/m.exec(text)?.[1] ?? 0);
  } catch (error) {
    throw new Error(`${replica.name}: /metrics/process gave no answer: ${messageOf(error)}`, { cause: error });
  }
}
