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

/** Traces that are sent at the same time. */
const BATCH = 10;
/** Seconds; longer than an attempt can take. */
const LEASE = 60;
/** How often it is looked whether the jobs of a run have completed. Seconds. */
const RECHECK = 5;
/** Longest pause of one trace, and of all where the collector takes none. Seconds. */
const LONGEST_SECONDS = { trace: 300, all: 30 };
const LONGEST_ERROR = 500;

/**
 * Sends the traces of finished runs. Each at least once: who dies between the collector's answer and its own commit leaves
 * the trace to others after the lease, who send it again under the same ids.
 */
@Injectable()
export class SendLoop extends BackgroundLoop {
  /** Rounds in a row in which the collector took nothing. */
  #refusals = 0;

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
    const { CI_TRACES_SETTLE: settle, CI_TRACES_WAIT: most } = this.config;
    // A collector that takes nothing is asked about one trace, another each time: it may be the trace.
    const limit = this.#refusals > 0 ? 1 : BATCH;
    const { sendings, lookedAt } = await claimDue(this.database, limit, { lease: LEASE, most, recheck: RECHECK });
    if (sendings.length > 0) {
      const jobs = await jobsOf(this.database, sendings);
      const ended = await Promise.all(sendings.map((sending) => this.#send(sending, jobs)));
      await this.database.transaction((transaction) => endSending(transaction, ended, settle));
      this.#note(ended);
      if (this.#refusals > 0) return { restSeconds: backoff(this.#refusals, 1, LONGEST_SECONDS.all) };
    }
    return lookedAt === limit ? "again" : "idle";
  }

  async #send(sending: Sending, all: readonly JobRecord[]): Promise<Sent> {
    const jobs = all.filter((job) => keyOf(job) === keyOf(sending));
    try {
      await this.exporter.send(spansOf(sending.run, jobs, !sending.isSent, this.config.OTEL_RESOURCE_ATTRIBUTES));
      return { sending, jobs, error: "", delay: 0 };
    } catch (error) {
      return { sending, jobs, error: storedMessageOf(error), delay: backoff(sending.number, 1, LONGEST_SECONDS.trace) };
    }
  }

  #note(ended: readonly Sent[]): void {
    const failed = ended.filter(({ error }) => error !== "");
    this.metrics.ended(ended.length - failed.length, failed.length);
    if (this.exporter.isStopping) return;
    if (failed.length === ended.length) {
      this.#refusals += 1;
      if (this.#refusals === 1) this.logger.warn(`the collector takes no traces, trying again: ${failed[0]?.error}`);
      return;
    }
    if (this.#refusals > 0) this.logger.log("the collector takes traces again");
    this.#refusals = 0;
    for (const { sending, error } of failed) this.logger.warn(`the trace of run ${sending.runId} was not taken, trying again: ${error}`);
  }

  override async onModuleDestroy(): Promise<void> {
    this.exporter.abandon();
    await super.onModuleDestroy();
    await this.exporter.close();
  }
}

/** Some errors of HTTP have a code and no message. Never empty, and as PostgreSQL stores it. */
function storedMessageOf(error: unknown): string {
  const { message, code } = error as { readonly message?: string; readonly code?: unknown };
  return withoutSecrets([message, code].filter(Boolean).join(" ")).replaceAll("\u0000", "\ufffd").slice(0, LONGEST_ERROR) || "it failed";
}
