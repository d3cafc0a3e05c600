import "reflect-metadata";
import { NestFactory } from "@nestjs/core";
import { AppModule } from "../src/app.module.js";
import { Rollup } from "../src/counters/rollup.js";
import { Database } from "../src/database/database.js";
import type { Queryable } from "../src/database/sql.js";
import { acceptBatch, type Pending } from "../src/intake/accept.sql.js";
import { projectionOf } from "../src/events/project.js";
import { BatchProcessor } from "../src/processing/batch-processor.js";
import { WorkerLoop } from "../src/processing/worker.loop.js";
import { type BenchServer, holdSnapshot } from "./database.js";
import { atLeast, atMost, type Result } from "./report.js";
import { Requests } from "./requests.js";
import { rollUpEverySecond } from "./rollups.js";
import { benchConfig } from "./servers/parts.js";
import { type Figures, percentile, Rounds } from "./statistics.js";

/** Deliveries per second, well below the capacity of one process. */
const RATE = 1_000;
const FEED_MS = 50;
const MINUTE_MS = 60_000;

/** Measures a steady stream while a session holds a snapshot, so that dead rows accumulate. */
export async function benchHeld(server: BenchServer, minutes: number, progress: (line: string) => void): Promise<Result> {
  const url = await server.fresh();
  const application = await NestFactory.createApplicationContext(await AppModule.for(benchConfig({ DATABASE_URL: url, MODE: "worker" })), {
    logger: false,
  });
  const database = application.get(Database);
  await database.connect();
  const config = benchConfig();
  const claims: number[] = [];
  timeClaims(database, claims);
  const processor = application.get(BatchProcessor, { strict: false });
  const stop = new AbortController();
  let processed = 0;
  const failures: unknown[] = [];
  const counting: ConstructorParameters<typeof WorkerLoop>[1] = {
    async processBatch(worker) {
      try {
        const batch = await processor.processBatch(worker);
        processed += batch.count;
        return batch;
      } catch (error) {
        failures.push(error);
        throw error;
      }
    },
  };
  const loops = Array.from(
    { length: config.WORKER_CONCURRENCY },
    (_, index) => new WorkerLoop(index + 1, counting, config.POLL_INTERVAL, Promise.resolve()),
  );
  const snapshot = await holdSnapshot(url);
  let fed = 0;
  const feeder = async () => {
    const requests = new Requests(true);
    for (const began = performance.now(); !stop.signal.aborted;) {
      const due = Math.floor(((performance.now() - began) * RATE) / 1_000) - fed;
      if (due > 0) await acceptBatch(database, nextBatch(requests, Math.min(due, config.FLUSH_SIZE)));
      fed += Math.max(0, Math.min(due, config.FLUSH_SIZE));
      await new Promise((resolve) => setTimeout(resolve, FEED_MS));
    }
  };
  const stopRollups = rollUpEverySecond(application.get(Rollup, { strict: false }));
  for (const loop of loops) loop.start();
  const running = feeder();
  const minute = async (): Promise<Figures> => {
    const [fedBefore, processedBefore] = [fed, processed];
    claims.length = 0;
    await Promise.race([running, new Promise((resolve) => setTimeout(resolve, MINUTE_MS))]);
    if (failures.length > 0) throw failures[0];
    const sorted = claims.toSorted((a, b) => a - b);
    return {
      "claim p50 ms": percentile(sorted, 0.5),
      "claim p99 ms": percentile(sorted, 0.99),
      "stored/s": ((fed - fedBefore) * 1_000) / MINUTE_MS,
      "processed/s": ((processed - processedBefore) * 1_000) / MINUTE_MS,
      "pending at the end": fed - processed,
    };
  };
  const measured = new Rounds();
  const names = Array.from({ length: minutes }, (_, index) => `minute ${index + 1}`);
  try {
    await measured.run(1, Object.fromEntries(names.map((name) => [name, minute])), progress);
  } finally {
    stop.abort();
    for (const loop of loops) await loop.stop();
    await running;
    await stopRollups();
    await snapshot.end();
    await application.close();
    await server.drop(url);
  }
  const [first, last] = [names[0]!, names.at(-1)!];
  return {
    name: `backlog, a snapshot held for ${minutes} minutes`,
    conditions: `${RATE} deliveries a second, stored, claimed and processed by ${config.WORKER_CONCURRENCY} loops in one process.`,
    rounds: measured,
    verdicts: [
      atLeast("processed/s of the last minute / of the first", measured.ratio("processed/s", last, first), 0.8),
      atMost("claim p99 of the last minute / of the first", measured.ratio("claim p99 ms", last, first), 3),
    ],
  };
}

function nextBatch(requests: Requests, count: number): Pending[] {
  return Array.from({ length: count }, () => requests.nextDelivery())
    .map(({ id, event, body }) => ({
      delivery: { id, event, hookId: 1, form: false, body },
      projection: projectionOf(event, false, body),
      priority: 0,
    }))
    .sort((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1));
}

/** Measures the claim statement inside the transactions of the product. */
function timeClaims(database: Database, into: number[]): void {
  const original = database.transaction.bind(database);
  database.transaction = (work) =>
    original((transaction) => {
      const timed: Queryable = {
        async query(text, values) {
          if (!/inbox i[^;]*FOR UPDATE SKIP LOCKED/.test(text)) return transaction.query(text, values);
          const began = performance.now();
          const result = await transaction.query(text, values);
          if (result.rows.length > 0) into.push(performance.now() - began);
          return result;
        },
      };
      return work(timed);
    });
}
