import { randomUUID } from "node:crypto";
import { createHash } from "node:crypto";
import fc from "fast-check";
import { type INestApplicationContext, Logger } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { AppModule } from "../../src/app.module.js";
import { type Config, loadConfig } from "../../src/config/config.js";
import { Counters } from "../../src/counters/counters.js";
import { Rollup } from "../../src/counters/rollup.js";
import { Series } from "../../src/counters/series.js";
import { LabelPolicy } from "../../src/counters/label-policy.js";
import { Database } from "../../src/database/database.js";
import { GroupCommit } from "../../src/intake/group-commit.js";
import { BatchJournal } from "../../src/queue/batch-journal.js";
import { type Collector, COLLECTORS } from "../../src/metrics/collector.js";
import { Scrape } from "../../src/metrics/scrape.js";
import { Applier } from "../../src/processing/applier.js";
import { BatchProcessor } from "../../src/processing/batch-processor.js";
import { processNext } from "../support/process-next.js";
import { Queue } from "../../src/queue/queue.js";
import { ProcessingMetrics } from "../../src/processing/processing.metrics.js";
import { differences, parseExposition } from "../../src/simulator/compare.js";
import { Expectation } from "../../src/simulator/expected.js";
import { RateLimits } from "../../src/queue/rate-limits.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { testEnvironment } from "../support/octogauge.js";
import { sized } from "../support/size.js";
import { eventsOf, historyPlan } from "./histories.js";
import { Tracing } from "../../src/tracing/tracing.js";

const HISTORIES = sized(40, 300);
const TABLES = ["tallies", "counter_series", "histogram_series", "series_budget", "workflow_runs", "workflow_jobs"];
const EMPTY = `TRUNCATE ${TABLES.map((table) => `octogauge.${table}`).join(", ")}`;
/** Worker ids for the batch journal, the same ones in all histories. */
const NAMES = [randomUUID(), randomUUID(), randomUUID()];
const seed = Number(process.env["PROPERTY_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** How a history is delivered: order, repetitions, batch sizes and number of workers. */
const delivery = fc.record({
  order: fc.integer(),
  repeats: fc.array(fc.nat(), { maxLength: 12 }),
  batchSizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
  flushSize: fc.integer({ min: 1, max: 25 }),
});

interface Worker {
  readonly processor: BatchProcessor;
  readonly queue: Queue;
}

describe("any order, repetition and batching over several workers", () => {
  let application: INestApplicationContext;
  let databaseUrl: string;
  let config: Config;
  let histories = 0;

  beforeAll(async () => {
    Logger.overrideLogger(false);
    databaseUrl = await freshDatabase();
    config = loadConfig(testEnvironment(databaseUrl));
    application = await NestFactory.createApplicationContext(await AppModule.for(config), { logger: false });
    await application.get(Database).connect();
  });

  afterAll(() => application.close());

  function workers(batchSizes: readonly number[]): Worker[] {
    const get = <T>(token: abstract new (...args: never[]) => T) => application.get<T>(token as never, { strict: false });
    const policy = get(LabelPolicy);
    return batchSizes.map((size) => {
      const queue = new Queue(get(RateLimits), { ...config, BATCH_SIZE: size });
      const processor = new BatchProcessor(
        get(Database),
        new Applier(new Counters(policy, config), policy, config),
        queue,
        new BatchJournal(get(Database)),
        get(ProcessingMetrics),
        new Tracing(),
        { ...config, RETRY_BACKOFF: 0.001 },
      );
      return { processor, queue };
    });
  }

  /** One rollup per process. */
  function processes(count: number): Rollup[] {
    const get = <T>(token: abstract new (...args: never[]) => T) => application.get<T>(token as never, { strict: false });
    return Array.from({ length: count }, () => new Rollup(get(Database), new Series(get(LabelPolicy), config)));
  }

  async function drain({ processor, queue }: Worker, index: number): Promise<void> {
    while ((await processNext(processor, queue, NAMES[index]!)) > 0);
  }

  async function exposition(): Promise<Map<string, number>> {
    const collectors = application.get<Collector[]>(COLLECTORS, { strict: false });
    return parseExposition(Buffer.concat(await new Scrape(collectors, application.get(Database), new Tracing()).pages("text")).toString());
  }

  it(`gives the same /metrics as an independent fold, in ${HISTORIES} histories (PROPERTY_SEED=${seed})`, async () => {
    console.info(`PROPERTY_SEED=${seed}`);
    const inbox = application.get(GroupCommit, { strict: false });
    await fc.assert(
      fc.asyncProperty(historyPlan, delivery, async (plan, how) => {
        histories += 1;
        const owner = `owner-${histories}`;
        const events = eventsOf(plan, owner, histories * 10_000);
        // A history without events: its attempts are known only by jobs, and have none.
        fc.pre(events.length > 0);
        const sent = [...events, ...how.repeats.map((index) => events[index % events.length]!)]
          .map((event, index) => ({ event, key: createHash("md5").update(`${how.order}/${index}`).digest("hex") }))
          .sort((a, b) => (a.key < b.key ? -1 : 1))
          .map(({ event }) => event);
        const expected = new Expectation();
        for (const event of events) expected.add(event);

        // Each history starts with an empty fleet, so a scrape costs only what this history needs.
        await application.get(Database).query(EMPTY);
        const all = workers(how.batchSizes);
        const rollups = processes(2);
        for (let at = 0; at < sent.length; at += how.flushSize) {
          const accepted = sent
            .slice(at, at + how.flushSize)
            .map((event) =>
              inbox.accept({ id: event.deliveryId, event: event.event, hookId: 1, form: false, body: Buffer.from(event.body) }),
            );
          // Workers process while deliveries are still being accepted. Sometimes a rollup runs at the same time.
          const batches = all.map(({ processor }, index) => processor.processBatch(NAMES[index]!));
          const cut = at / how.flushSize;
          await Promise.all([...accepted, ...batches, ...(cut % 4 === 0 ? [rollups[cut % 3]?.run()] : [])]);
        }
        await Promise.all([...all.map(drain), ...rollups.map((rollup) => rollup.run())]);

        expect(differences(expected.series(), await exposition(), { owners: new Set([owner]) })).toEqual([]);
      }),
      { numRuns: HISTORIES, seed, endOnFailure: false },
    );
    expect(histories).toBeGreaterThanOrEqual(HISTORIES);
    expect(
      await rowsOf(databaseUrl, "SELECT (SELECT count(*) FROM octogauge.inbox) + (SELECT count(*) FROM octogauge.dead_letters) AS left"),
    ).toEqual([{ left: "0" }]);
  });
});
