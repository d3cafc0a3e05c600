import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/index.js";
import { Database, isTransient, SchemaGate } from "../database/index.js";
import { type Claimed, claimedFields } from "../queue/index.js";
import type { FailureCause } from "../dead-letters/dead-letters.sql.js";
import { type Attempt, giveUp, postpone, startAttempt, take, undo } from "../dead-letters/retries.sql.js";
import { logEntry } from "../logging/index.js";
import { Tracing } from "../tracing/index.js";
import { Applier } from "./applier.js";
import { BatchTrace } from "./batch-trace.js";
import { causeOf, retryDelay } from "./failure.js";
import { ProcessingMetrics } from "./processing.metrics.js";

const WORKER_CRASHED: FailureCause = {
  source: "crash",
  errorClass: "WorkerEnded",
  message: "the worker crashed or hung in each attempt at this delivery",
};

/** Retries failed deliveries, each alone. Each attempt is counted before it begins, so that a crash counts too. */
@Injectable()
export class RetryLoop extends BackgroundLoop {
  /** Attempts that failed with a transient error. They do not count, and are undone once the database answers. */
  readonly #toUndo: Attempt[] = [];

  constructor(
    private readonly database: Database,
    private readonly applier: Applier,
    private readonly metrics: ProcessingMetrics,
    private readonly tracing: Tracing,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Pick<Config, "MAX_ATTEMPTS" | "RETRY_BACKOFF" | "POLL_INTERVAL" | "PROCESSING_DEADLINE">,
  ) {
    super("processing/retries", config.POLL_INTERVAL, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    for (let next = this.#toUndo[0]; next; next = this.#toUndo[0]) {
      await undo(this.database, next);
      this.#toUndo.shift();
    }
    // The watchdog kills a hung worker after PROCESSING_DEADLINE, so after twice this time the previous attempt is over.
    const attempt = await startAttempt(this.database, 2 * this.config.PROCESSING_DEADLINE);
    if (!attempt) return "idle";
    // The last allowed attempt has no result, so its worker crashed.
    if (attempt.number > this.config.MAX_ATTEMPTS)
      await this.#giveUp(attempt, attempt.cause.source === "crash" ? WORKER_CRASHED : attempt.cause);
    else await this.#try(attempt);
    return "again";
  }

  async #try(attempt: Attempt): Promise<void> {
    const trace = this.tracing.isOn ? new BatchTrace(this.tracing, attempt.number) : undefined;
    let claimed: readonly Claimed[] = [];
    try {
      const afterCommit = await this.database.transaction(async (bare) => {
        const transaction = trace?.watch(bare) ?? bare;
        claimed = await take(transaction, attempt);
        trace?.claimed(claimed);
        return this.applier.apply(transaction, claimed);
      });
      afterCommit();
      trace?.ended();
    } catch (error) {
      trace?.ended(error);
      if (isTransient(error)) {
        this.#toUndo.push(attempt);
        throw error;
      }
      this.metrics.failed("data");
      if (attempt.number >= this.config.MAX_ATTEMPTS) return this.#giveUp(attempt, causeOf(error), attempt.number);
      const pauseSeconds = retryDelay(this.config.RETRY_BACKOFF, attempt.number);
      await postpone(this.database, attempt, causeOf(error), pauseSeconds);
      for (const delivery of claimed)
        this.logger.warn(
          logEntry("a delivery failed again and will be retried", {
            ...claimedFields(delivery),
            source: causeOf(error).source,
            attempts: attempt.number,
            pause_seconds: pauseSeconds,
            error,
          }),
        );
    }
  }

  async #giveUp(attempt: Attempt, cause: FailureCause, attempts = attempt.number - 1): Promise<void> {
    const deadLetters = await this.database.transaction((transaction) => giveUp(transaction, attempt, cause, attempts));
    const { source, errorClass: name, message } = cause;
    for (const delivery of deadLetters)
      this.logger.error(
        logEntry("a delivery is a dead letter", { ...claimedFields(delivery), source, attempts, error: { name, message } }),
      );
  }
}
