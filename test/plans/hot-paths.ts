import { randomUUID } from "node:crypto";
import { NestFactory } from "@nestjs/core";
import { AppModule } from "../../src/app.module.js";
import { loadConfig } from "../../src/config/config.js";
import { readRateLimits } from "../../src/config/rate-limits.js";
import { Database } from "../../src/database/database.js";
import { Readiness } from "../../src/health/readiness.js";
import { BatchJournal } from "../../src/queue/batch-journal.js";
import { claim, fromTheStart, claimOne, type InboxKey } from "../../src/queue/claim.sql.js";
import { addDeadLetter } from "../../src/dead-letters/dead-letters.sql.js";
import { GroupCommit } from "../../src/intake/group-commit.js";
import { LedgerRetention } from "../../src/intake/ledger-retention.loop.js";
import { DeadLetterRetention } from "../../src/dead-letters/retention.loop.js";
import { PackRetention } from "../../src/intake/pack-retention.loop.js";
import { type Collector, COLLECTORS } from "../../src/metrics/collector.js";
import { Scrape } from "../../src/metrics/scrape.js";
import { BatchProcessor } from "../../src/processing/batch-processor.js";
import { Queue } from "../../src/queue/queue.js";
import { RateLimits } from "../../src/queue/rate-limits.js";
import { RetryLoop } from "../../src/processing/retry.loop.js";
import { removeOld } from "../../src/ci-traces/outbox-retention.sql.js";
import { addJobs, addRuns, claimDue, endSending, jobsOf, reopen } from "../../src/ci-traces/outbox.sql.js";
import type { JobRecord, RunRecord } from "../../src/ci-traces/records.js";
import { readPendingTraces } from "../../src/ci-traces/pending.sql.js";
import { GitHubError } from "../../src/github/failure.js";
import { HookAudits } from "../../src/reconcile/hook-audits.js";
import { LostLoop } from "../../src/reconcile/lost.loop.js";
import { MissedDeliveries } from "../../src/reconcile/missed-deliveries.js";
import { StaleRuns } from "../../src/reconcile/stale-runs.js";
import { closeAbsentJobs, closeGone, knowsRuns, recordLookup } from "../../src/workflow-state/lookups.sql.js";
import { executionRows, lockRuns } from "../../src/workflow-state/executions.sql.js";
import { FACT } from "../../src/workflow-state/facts.js";
import type { JobObservation } from "../../src/workflow-state/job-transition.js";
import { valuesOfJobs } from "../../src/workflow-state/jobs.sql.js";
import { StateRetention } from "../../src/workflow-state/retention.loop.js";
import { knownAttempts, labelsOfRun } from "../../src/workflow-state/runs.sql.js";
import type { RunObservation } from "../../src/workflow-state/run-transition.js";
import { testEnvironment } from "../support/octogauge.js";
import { jobPayload } from "../support/payloads.js";
import { explainAll } from "./explain.js";
import type { Plan } from "./plan.js";
import { Tracing } from "../../src/tracing/tracing.js";

const DELIVERIES = 300;

/** Runs once, in this process, everything that Octogauge does regularly. @returns how the database ran each statement */
export async function runHotPaths(url: string, overrides: Record<string, string> = {}): Promise<Plan[]> {
  const config = loadConfig(testEnvironment(url, overrides));
  const application = await NestFactory.createApplicationContext(await AppModule.for({ ...config, MODE: "standalone" }), { logger: false });
  const get = <T>(token: abstract new (...args: never[]) => T): T => application.get<T>(token as never, { strict: false });
  const database = get(Database);
  try {
    await database.connect();
    const plans = explainAll(database);
    await accept(get(GroupCommit));
    await get(BatchProcessor).processBatch(randomUUID());
    await putOff(database);
    await loseAWorker(get(BatchProcessor), get(BatchJournal), database);
    await get(RetryLoop).runOnce();
    await buryOne(database);
    await new Scrape(application.get<Collector[]>(COLLECTORS, { strict: false }), database, new Tracing()).pages("text");
    await get(Readiness).backlog();
    await audit(get(HookAudits), get(MissedDeliveries));
    await lookUp(get(StaleRuns), database);
    await traceRuns(database);
    await countCopies(database);
    await get(LostLoop).runOnce();
    await get(LedgerRetention).runOnce();
    await get(PackRetention).runOnce();
    await get(DeadLetterRetention).runOnce();
    await get(StateRetention).runOnce();
    return plans;
  } finally {
    await application.close();
  }
}

/** A page of a delivery log with known and unknown deliveries, and a redelivery. */
async function audit(audits: HookAudits, missed: MissedDeliveries): Promise<void> {
  const hook = "org:acme:1";
  await audits.register([hook]);
  const page = Array.from({ length: 100 }, (_, index) => ({
    logId: BigInt(index + 1),
    id: `eeeeeeee-0000-4000-8000-${String(index).padStart(12, "0")}`,
    event: "workflow_job",
    deliveredAt: Date.now() - 86_400_000,
  }));
  const first = await audits.next([hook]);
  await audits.record(first!, { deliveries: page, next: "v1_1", answeredAt: Date.now() });
  await audits.fail(first!, new GitHubError("it was not answered", "no_answer", undefined, 0.001));
  const second = await audits.next([hook]);
  await audits.record(second!, { deliveries: page, next: undefined, answeredAt: undefined });
  await missed.settle();
  await missed.prune();
  const due = await missed.nextDue([hook]);
  await missed.begin(due!);
  await missed.notTaken(due!, new GitHubError("requests are paused", "limited", undefined, 1));
}

/** With CI_TRACES: a batch of completions, and a round of the exporter with failures and late jobs. */
async function traceRuns(database: Database): Promise<void> {
  const keys = Array.from({ length: 100 }, (_, index) => ({ runId: 5_000_000 + index, runAttempt: 1 }));
  const jobs = keys.map((key) => ({ ...key, jobId: key.runId }) as JobRecord);
  await database.transaction(async (transaction) => {
    await claim(transaction, fromTheStart(100, true));
    await addJobs(transaction, jobs);
    await addRuns(transaction, keys as RunRecord[], 0);
    await reopen(
      transaction,
      keys.map(({ runId }) => ({ runId: runId - 4_999_500, runAttempt: 1 })),
      0,
    );
  });
  const { sendings } = await claimDue(database, 10, { leaseSeconds: 60, maxWaitSeconds: 600, recheckSeconds: 5 });
  const found = await jobsOf(database, sendings);
  const ended = sendings.map((sending, index) => ({ sending, jobs: found, error: index % 2 === 0 ? "" : "refused", delay: 1 }));
  await database.transaction((transaction) => endSending(transaction, ended, 0));
  await removeOld(database, 3 * 86_400);
  await readPendingTraces(database);
}

/** A batch with copies of finished jobs, and jobs of unknown runs. */
async function countCopies(database: Database): Promise<void> {
  const ids = Array.from({ length: 100 }, (_, index) => 1 + index);
  await database.transaction(async (transaction) => {
    const runs = await lockRuns(
      transaction,
      ids.map((runId) => ({ runId, facts: FACT.copied }) as JobObservation),
    );
    await executionRows(transaction, runs);
    await valuesOfJobs(transaction, ids);
    await labelsOfRun(transaction, { runId: 1, runAttempt: 1 });
    await knownAttempts(
      transaction,
      ids.map((runId) => ({ runId, runAttempt: 1 }) as RunObservation),
    );
  });
}

/** An attempt that GitHub no longer has. */
async function lookUp(silent: StaleRuns, database: Database): Promise<void> {
  const [attempt] = await silent.next(20);
  await knowsRuns(database);
  await closeGone(database, attempt!);
  await recordLookup(database, attempt!, false, { run: null, jobs: null }, true);
  await closeAbsentJobs(database, attempt!, [1, 2, 3]);
}

/** A batch with rate limits, some of whose rows are over the limit. */
async function putOff(database: Database): Promise<void> {
  const limiter = new RateLimits(database, { RATE_LIMITS: readRateLimits("acme=1000,*/*=0.01")! });
  const next = new Queue(limiter, loadConfig({ BATCH_SIZE: "500" }));
  await next.giveBack(await database.transaction((transaction) => next.take(transaction)));
}

async function accept(inbox: GroupCommit): Promise<void> {
  const ids = Array.from({ length: DELIVERIES }, (_, index) => `ffffffff-0000-4000-8000-${String(index).padStart(12, "0")}`);
  const body = Buffer.from(JSON.stringify(jobPayload("queued")));
  await Promise.all(ids.map((id) => inbox.accept({ id, event: "workflow_job", hookId: 1, form: false, body })));
}

/** Another worker leaves a batch that it began. */
async function loseAWorker(processor: BatchProcessor, journal: BatchJournal, database: Database): Promise<void> {
  const { rows } = await database.pool.query<InboxKey>("SELECT priority, seq FROM octogauge.inbox ORDER BY priority, seq LIMIT 3");
  await journal.begin(randomUUID(), rows);
  await processor.processBatch(randomUUID());
}

/** Processing of a delivery that the database refuses. */
async function buryOne(database: Database): Promise<void> {
  await database.transaction(async (transaction) => {
    const [first] = await claim(transaction, fromTheStart(1));
    const again = { ...first!, seq: String(Number(first!.seq) + 1) };
    for (const dead of await claimOne(transaction, again))
      await addDeadLetter(transaction, dead, { source: "apply", errorClass: "23514", message: "refused" });
  });
}
