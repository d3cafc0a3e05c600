import { Inject, Injectable } from "@nestjs/common";
import { backoff } from "../background/backoff.js";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config, withoutSecrets } from "../config/index.js";
import { Database, SchemaGate } from "../database/index.js";
import { CiExporter } from "./exporter.js";
import { claimDue, endSending, jobsOf, keyOf, type Sending, type Sent } from "./outbox.sql.js";
import type { JobRecord } from "./records.js";
import { spansOf } from "./spans.js";
import { CiTracesMetrics } from "./ci-traces.metrics.js";

/** Traces sent in parallel. */
const BATCH = 10;
/** Longer than sending a trace can take (TRACE_TIMEOUT_SECONDS in exporter.ts). */
const LEASE_SECONDS = 60;
/** Interval of the check whether all jobs of a run have completed. */
const RECHECK_SECONDS = 5;
/** Longest backoff of one trace, and of all traces if the collector rejects all. */
const [MAX_TRACE_BACKOFF_SECONDS, MAX_PAUSE_SECONDS] = [300, 30];
const MAX_ERROR_LENGTH = 500;

/**
 * Sends the traces of finished runs at least once. After a crash between the collector's answer and the commit,
 * another worker sends the trace again under the same ids when the lease expires.
 */
@Injectable()
export class SendLoop extends BackgroundLoop {
  /** Consecutive rounds in which the collector accepted no trace. */
  #failedRounds = 0;

  constructor(
    private readonly database: Database,
    private readonly exporter: CiExporter,
    private readonly metrics: CiTracesMetrics,
    schema: SchemaGate,
    @Inject(CONFIG)
    private readonly config: Pick<Config, "POLL_INTERVAL" | "CI_TRACES_SETTLE" | "CI_TRACES_WAIT" | "OTEL_RESOURCE_ATTRIBUTES">,
  ) {
    super("ci-traces/send", config.POLL_INTERVAL, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    const { CI_TRACES_SETTLE: settleSeconds, CI_TRACES_WAIT: maxWaitSeconds } = this.config;
    // After a failed round, send one trace per round, a different one each time: a single trace may be the cause.
    const limit = this.#failedRounds > 0 ? 1 : BATCH;
    const { sendings, claimed } = await claimDue(this.database, limit, {
      leaseSeconds: LEASE_SECONDS,
      maxWaitSeconds,
      recheckSeconds: RECHECK_SECONDS,
    });
    if (sendings.length > 0) {
      const jobs = await jobsOf(this.database, sendings);
      const ended = await Promise.all(sendings.map((sending) => this.#send(sending, jobs)));
      await this.database.transaction((transaction) => endSending(transaction, ended, settleSeconds));
      this.#recordOutcome(ended);
      if (this.#failedRounds > 0) return { restSeconds: backoff(this.#failedRounds, 1, MAX_PAUSE_SECONDS) };
    }
    return claimed === limit ? "again" : "idle";
  }

  async #send(sending: Sending, all: readonly JobRecord[]): Promise<Sent> {
    const jobs = all.filter((job) => keyOf(job) === keyOf(sending));
    try {
      await this.exporter.send(spansOf(sending.run, jobs, !sending.isSent, this.config.OTEL_RESOURCE_ATTRIBUTES));
      return { sending, jobs, error: "", delay: 0 };
    } catch (error) {
      return { sending, jobs, error: storedMessageOf(error), delay: backoff(sending.number, 1, MAX_TRACE_BACKOFF_SECONDS) };
    }
  }

  #recordOutcome(ended: readonly Sent[]): void {
    const failed = ended.filter(({ error }) => error !== "");
    this.metrics.ended(ended.length - failed.length, failed.length);
    if (this.exporter.isStopping) return;
    if (failed.length === ended.length) {
      this.#failedRounds += 1;
      if (this.#failedRounds === 1) this.logger.warn(`the collector accepts no traces, retrying: ${failed[0]?.error}`);
      return;
    }
    if (this.#failedRounds > 0) this.logger.log("the collector accepts traces again");
    this.#failedRounds = 0;
    for (const { sending, error } of failed) this.logger.warn(`the trace of run ${sending.runId} was not accepted, retrying: ${error}`);
  }

  override async onModuleDestroy(): Promise<void> {
    this.exporter.abandon();
    await super.onModuleDestroy();
    await this.exporter.close();
  }
}

/** The error text for the outbox: never empty, and without U+0000, which PostgreSQL does not allow. Some HTTP errors have only a code. */
function storedMessageOf(error: unknown): string {
  const { message, code } = error as { readonly message?: string; readonly code?: unknown };
  return (
    withoutSecrets([message, code].filter(Boolean).join(" ")).replaceAll("\u0000", "\ufffd").slice(0, MAX_ERROR_LENGTH) || "unknown error"
  );
}
