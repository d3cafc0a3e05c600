import { randomUUID } from "node:crypto";
import { NestFactory } from "@nestjs/core";
import { onTestFinished } from "vitest";
import { AppModule } from "../../src/app.module.js";
import { loadConfig } from "../../src/config/config.js";
import { Rollup } from "../../src/counters/rollup.js";
import { Database } from "../../src/database/database.js";
import { GroupCommit } from "../../src/intake/group-commit.js";
import { type Collector, COLLECTORS } from "../../src/metrics/collector.js";
import { Scrape } from "../../src/metrics/scrape.js";
import { Queue } from "../../src/queue/queue.js";
import { processNext } from "./process-next.js";
import { BatchProcessor } from "../../src/processing/batch-processor.js";
import { RetryLoop } from "../../src/processing/retry.loop.js";
import { LedgerRetention } from "../../src/intake/ledger-retention.loop.js";
import { PackRetention } from "../../src/intake/pack-retention.loop.js";
import { StateRetention } from "../../src/workflow-state/retention.loop.js";
import { LostLoop } from "../../src/reconcile/lost.loop.js";
import { guid } from "../truth/histories.js";
import { freshDatabase, rowsOf } from "./database.js";
import { testEnvironment } from "./octogauge.js";
import { Tracing } from "../../src/tracing/tracing.js";
import { at } from "./clock.js";

let fleets = 0;

/** Octogauge without listeners and loops. The test runs each step itself, so no test has to wait. */
export async function stillFleet(overrides: Record<string, string> = {}, databaseUrl?: string) {
  const url = databaseUrl ?? (await freshDatabase());
  const config = loadConfig(
    testEnvironment(url, { JOB_QUEUED_LIMIT: "9000d", JOB_RUNNING_LIMIT: "9000d", RUN_LIMIT: "9000d", RETRY_BACKOFF: "1ms", ...overrides }),
  );
  const application = await NestFactory.createApplicationContext(await AppModule.for(config), { logger: false });
  await application.get(Database).connect();
  let closed: Promise<void> | undefined;
  const close = () => (closed ??= application.close());
  onTestFinished(close);
  const get = <T>(token: abstract new (...args: never[]) => T): T => application.get<T>(token as never, { strict: false });
  const node = (fleets += 1);
  let moment = Date.parse(at("10:00:00")) * 1_000;

  const accept = (event: string, payload: unknown, id = guid((moment += 1_000), node)) =>
    get(GroupCommit).accept({
      id,
      event,
      hookId: 1,
      form: false,
      body: Buffer.from(typeof payload === "string" ? payload : JSON.stringify(payload)),
    });
  const worker = randomUUID();
  const processBatch = () => processNext(get(BatchProcessor), get(Queue), worker);
  const process = async () => {
    while ((await processBatch()) > 0);
  };
  return {
    url,
    config,
    get,
    /** Shuts it down before the end of the test. */
    close,
    accept,
    process,
    processBatch,
    /** Runs all due retries until none is left, including those delayed by a few milliseconds. */
    async retry() {
      const waiting = async () => (await rowsOf(url, "SELECT FROM octogauge.retries WHERE due_at < now() + interval '1 s'")).length;
      while ((await get(RetryLoop).runOnce()) === "again" || (await waiting()) > 0);
    },
    /** Accepts and processes one delivery. */
    async deliver(event: string, payload: unknown, id?: string) {
      await accept(event, payload, id);
      await process();
    },
    /** Adds the metric deltas to the series, as a scrape does. */
    rollUp: () => get(Rollup).run(),
    checkLost: () => get(LostLoop).runOnce(),
    async retain() {
      await get(LedgerRetention).runOnce();
      while ((await get(PackRetention).runOnce()) === "again");
      await get(StateRetention).runOnce();
    },
    /** A new reading, as any replica would answer. */
    async exposition(format: "text" | "openmetrics" = "text"): Promise<string> {
      const scrape = new Scrape(application.get<Collector[]>(COLLECTORS, { strict: false }), get(Database), new Tracing());
      return Buffer.concat(await scrape.pages(format)).toString();
    },
    /** Sample lines whose name starts with `prefix`. */
    async samples(prefix: string) {
      return (await this.exposition()).split("\n").filter((line) => line.startsWith(prefix));
    },
  };
}
