import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { Database, isTransient, type Queryable } from "../database/index.js";
import { BatchJournal, type Claimed, claimedFields, claimOne, EMPTY_BATCH, Queue } from "../queue/index.js";
import { setAside } from "../dead-letters/retries.sql.js";
import { isLogged, type LogConfig, logEntry } from "../logging/index.js";
import { Tracing } from "../tracing/index.js";
import { Applier, Unreadable } from "./applier.js";
import { BatchTrace } from "./batch-trace.js";
import { causeOf, retryDelay } from "./failure.js";
import { ProcessingMetrics } from "./processing.metrics.js";

/** The result of a batch. */
export interface Processed {
  /** Number of deliveries that left the inbox or were delayed. */
  readonly count: number;
  /** Whether to process the next batch at once. */
  readonly more: boolean;
}

/** Deliveries of a batch that a worker began but did not finish. */
class OrphanedDeliveries extends Error {
  constructor(readonly deliveries: readonly Claimed[]) {
    super(`a worker crashed or hung and left ${deliveries.length} deliveries`);
  }
}

/** Takes batches from the queue and applies them. One transaction changes state and counters, and deletes the rows of the inbox. */
@Injectable()
export class BatchProcessor {
  readonly #logger = new Logger("processing");
  readonly #isDebugEnabled: boolean;

  constructor(
    private readonly database: Database,
    private readonly applier: Applier,
    private readonly queue: Queue,
    private readonly journal: BatchJournal,
    private readonly metrics: ProcessingMetrics,
    private readonly tracing: Tracing,
    @Inject(CONFIG) private readonly config: Pick<Config, "RETRY_BACKOFF"> & LogConfig,
  ) {
    this.#isDebugEnabled = isLogged(config, "processing", "debug");
  }

  /**
   * Processes one batch.
   * @param worker name of the worker in the journal; it must not run two batches at the same time
   * @throws transient database errors; the rollback puts the batch back into the inbox
   */
  async processBatch(worker: string): Promise<Processed> {
    let taken = EMPTY_BATCH;
    try {
      await this.#inTransaction(
        async (transaction) => (taken = await this.queue.take(transaction)).deliveries,
        (transaction, claimed) => this.#journaled(worker, claimed, () => this.applier.apply(transaction, claimed)),
      );
      this.metrics.delayed(taken.delayed);
      return { count: taken.deliveries.length + taken.delayed, more: taken.more };
    } catch (error) {
      await this.queue.giveBack(taken);
      // #journaled removes the entry only if the work fails. Here the commit may have failed.
      if (taken.deliveries.length > 0) await this.journal.giveBack(worker).catch(() => undefined);
      const count = await this.#recover(error, taken.deliveries);
      // Without progress the worker rests before the retry.
      return { count, more: count > 0 };
    }
  }

  async #recover(error: unknown, taken: readonly Claimed[]): Promise<number> {
    if (error instanceof Unreadable) return this.#singly(error.deliveries);
    if (error instanceof OrphanedDeliveries) return this.#retryAlone(error);
    this.metrics.failed(isTransient(error) ? "transient" : "data");
    if (isTransient(error) || taken.length === 0) throw error;
    this.#logger.warn(logEntry("a batch failed, processing its deliveries one by one", { deliveries: taken.length, error }));
    return this.#singly(taken);
  }

  /** Journals the batch, and removes the entry if the work fails. An entry left in the journal means that its worker crashed. */
  async #journaled<T>(worker: string, claimed: readonly Claimed[], work: () => Promise<T>): Promise<T> {
    const orphaned = await this.journal.begin(worker, claimed);
    try {
      if (orphaned.length > 0) throw new OrphanedDeliveries(orphaned);
      return await work();
    } catch (error) {
      await this.journal.giveBack(worker).catch(() => undefined);
      throw error;
    }
  }

  /** One of these deliveries may have crashed the worker. None has used an attempt yet; each is retried alone (retry.loop.ts). */
  async #retryAlone({ deliveries, message }: OrphanedDeliveries): Promise<number> {
    this.#logger.warn(logEntry(`${message}; each is retried alone`, { deliveries: deliveries.length }));
    this.metrics.failed("crash");
    await setAside(this.database, deliveries, { source: "crash", errorClass: "WorkerEnded", message }, 0, 0);
    for (const delivery of deliveries)
      this.#logger.log(logEntry("a delivery was moved to the retries", { ...claimedFields(delivery), source: "crash" }));
    return deliveries.length;
  }

  /** Processes deliveries one by one, so that a failing one does not block the others of its batch. */
  async #singly(deliveries: readonly Claimed[]): Promise<number> {
    let processed = 0;
    for (const delivery of deliveries) {
      try {
        processed += await this.#inTransaction(
          (transaction) => claimOne(transaction, delivery),
          (transaction, claimed) => this.applier.apply(transaction, claimed),
        );
      } catch (error) {
        if (isTransient(error)) throw error;
        const pauseSeconds = retryDelay(this.config.RETRY_BACKOFF, 1);
        await setAside(this.database, [delivery], causeOf(error), 1, pauseSeconds);
        this.#logger.warn(
          logEntry("a delivery failed and was moved to the retries", {
            ...claimedFields(delivery),
            source: causeOf(error).source,
            attempts: 1,
            pause_seconds: pauseSeconds,
            error,
          }),
        );
        processed += 1;
      }
    }
    return processed;
  }

  async #inTransaction(
    take: (transaction: Queryable) => Promise<readonly Claimed[]>,
    apply: (transaction: Queryable, claimed: readonly Claimed[]) => Promise<() => void>,
  ): Promise<number> {
    const startedMs = performance.now();
    const trace = this.tracing.isOn ? new BatchTrace(this.tracing) : undefined;
    let afterCommit = () => {};
    const processed = await this.database
      .transaction(async (bare) => {
        const transaction = trace?.watch(bare) ?? bare;
        const claimed = await take(transaction);
        if (claimed.length === 0) return 0;
        const claimSeconds = (performance.now() - startedMs) / 1_000;
        trace?.claimed(claimed);
        if (this.#isDebugEnabled)
          for (const delivery of claimed) this.#logger.debug(logEntry("a delivery was claimed", claimedFields(delivery)));
        afterCommit = await apply(transaction, claimed);
        this.metrics.claimed(claimed, claimSeconds, trace?.traceId);
        return claimed.length;
      })
      .catch((error: unknown) => {
        trace?.ended(error);
        throw error;
      });
    trace?.ended();
    afterCommit();
    if (processed > 0) this.metrics.applied((performance.now() - startedMs) / 1_000, trace?.traceId);
    return processed;
  }
}
