import { ClaimCursor } from "../src/queue/claim-cursor.js";
import { claim, fromTheStart } from "../src/queue/claim.sql.js";
import { type BenchServer, holdSnapshot, query } from "./database.js";
import { atLeast, atMost, type Result } from "./report.js";
import { benchConfig, databaseOf } from "./servers/parts.js";
import { type Figures, percentile, Rounds } from "./statistics.js";

interface Scale {
  readonly rounds: number;
  /** Maximum number of pending rows. */
  readonly most: number;
  readonly claims: number;
}

const BATCH = 100;

const HUNDRED = 100_000;
const named = (rows: number): string => `${rows / 1_000}k`;

const FILL = `
  INSERT INTO octogauge.inbox (priority, delivery_id, event, form, projection, pack, pack_offset, bytes)
  SELECT i % 2, gen_random_uuid(), 'workflow_job', false, repeat('p', 400), i / 100, 0, 2048 FROM generate_series(1, $1::int) i`;

/** Measures claim latency and rate by the size of the backlog, and with a held snapshot that prevents the cleanup of dead rows. */
export async function benchBacklog(
  server: BenchServer,
  { rounds, most, claims }: Scale,
  progress: (line: string) => void,
): Promise<Result> {
  const measured = new Rounds();
  const measure = (pending: number, held: boolean) => async (): Promise<Figures> => {
    const url = await server.fresh();
    await query(url, FILL, [pending]);
    await query(url, "VACUUM ANALYZE octogauge.inbox");
    const holder = held ? await holdSnapshot(url) : undefined;
    const config = benchConfig({ DATABASE_URL: url });
    const database = databaseOf(config);
    await database.connect();
    const cursor = new ClaimCursor();
    const latencies: number[] = [];
    const began = performance.now();
    for (let index = 0; index < claims; index += 1) {
      await database.transaction(async (transaction) => {
        const from = performance.now();
        const position = cursor.next();
        const claimed = await claim(transaction, { ...fromTheStart(BATCH), floors: position.floors });
        latencies.push(performance.now() - from);
        cursor.claimed(position, claimed, performance.now() - from, claimed.length === BATCH);
      });
      // Insert the claimed rows again, so that the size of the backlog stays the same.
      await database.query(FILL, [BATCH]);
    }
    const seconds = (performance.now() - began) / 1_000;
    await database.onApplicationShutdown();
    await holder?.end();
    await server.drop(url);
    const sorted = latencies.sort((a, b) => a - b);
    return {
      "claim p50 ms": percentile(sorted, 0.5),
      "claim p99 ms": percentile(sorted, 0.99),
      "deliveries/s": (claims * BATCH) / seconds,
    };
  };
  await measured.run(
    rounds,
    {
      "1k": measure(1_000, false),
      [named(most)]: measure(most, false),
      ...(most > HUNDRED ? { [named(HUNDRED)]: measure(HUNDRED, false) } : {}),
      ...(most > HUNDRED ? { "1k, snapshot held": measure(1_000, true) } : {}),
      [`${named(HUNDRED)}, snapshot held`]: measure(HUNDRED, true),
    },
    progress,
  );
  return {
    name: "backlog",
    conditions: `${claims} claims of ${BATCH} each in its transaction, the backlog topped up after each; ${rounds} rounds, medians.`,
    rounds: measured,
    verdicts: [
      atMost(`claim p99 at ${named(most)} / at 1k`, measured.ratio("claim p99 ms", named(most), "1k"), 3),
      atLeast(`rate at ${named(most)} / at 1k`, measured.ratio("deliveries/s", named(most), "1k"), 0.8),
      atLeast(
        `rate with a snapshot held / without, at ${named(HUNDRED)}`,
        measured.ratio("deliveries/s", `${named(HUNDRED)}, snapshot held`, named(HUNDRED)),
        0.8,
      ),
    ],
  };
}
