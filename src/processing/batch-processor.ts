import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/config.js";
import { Database } from "../database/database.js";
import { isTransient } from "../database/errors.js";
import type { Queryable } from "../database/sql.js";
import { BatchJournal } from "../queue/batch-journal.js";
import { type Claimed, claimOne } from "../queue/claim.sql.js";
import { claimedFields } from "../queue/delivery-fields.js";
import { setAside } from "../dead-letters/retries.sql.js";
import { logEntry } from "../logging/fields.js";
import { isLogged, type LogConfig } from "../logging/levels.js";
import { Tracing } from "../tracing/tracing.js";
import { Applier, Unreadable } from "./applier.js";
import { BatchTrace } from "./batch-trace.js";
import { backoff, causeOf } from "./failure.js";
import { NextBatch, NOTHING } from "../queue/next-batch.js";
import { ProcessingMetrics } from "./processing.metrics.js";

/** What became of a batch. */
export interface Processed {
  /** How many deliveries it came to: they have left the inbox, or were put off. */
  readonly count: number;
  /** See {@link Taken}; what had to be done in parts is not little, unless nothing came of it: who tries that again rests first. */
  readonly isNearlyEmpty: boolean;
}

/** Deliveries that a worker had begun and that are back without a word from it. */
class OrphanedDeliveries extends Error {
  constructor(readonly deliveries: readonly Claimed[]) {
    super(`${deliveries.length} deliveries were left by a worker that ended or hung`);
  }
}

/**
 * Takes deliveries out of the inbox and applies them, all in one transaction: the rows are gone exactly
 * when state and counters have changed.
 */
@Injectable()
export class BatchProcessor {
  readonly #logger = new Logger("processing");
  readonly #isDebugEnabled: boolean;

  constructor(
    private readonly database: Database,
    private readonly applier: Applier,
    private readonly next: NextBatch,
    private readonly journal: BatchJournal,
    private readonly metrics: ProcessingMetrics,
    private readonly tracing: Tracing,
    @Inject(CONFIG) private readonly config: Pick<Config, "RETRY_BACKOFF"> & LogConfig,
  ) {
    this.#isDebugEnabled = isLogged(config, "processing", "debug");
  }

  /**
   * Processes one batch.
   * @param worker who does it, in the journal; no two may be at it under one name at the same time
   * @param isPatient whether it may leave, for a while, rows that were committed after their successors had been claimed
   * @throws transient database errors, after which the batch is back in the inbox
   */
  async processBatch(worker: string, isPatient = false): Promise<Processed> {
    let taken = NOTHING;
    try {
      await this.#inTransaction(
        async (transaction) => (taken = await this.next.take(transaction)).rows,
        (transaction, claimed) => this.#journaled(worker, claimed, () => this.applier.apply(transaction, claimed)),
      );
      if (taken.count > 0 || taken.lookedAtAll || isPatient) return { count: taken.count, isNearlyEmpty: taken.isNearlyEmpty };
    } catch (error) {
      await this.next.giveBack(taken);
      // Again, since it may have been the commit that failed, or the database as a whole.
      if (taken.rows.length > 0) await this.journal.giveBack(worker).catch(() => undefined);
      const count = await this.#recover(error, taken.rows);
      return { count, isNearlyEmpty: count === 0 };
    }
    this.next.sweep();
    return this.processBatch(worker);
  }

  async #recover(error: unknown, taken: readonly Claimed[]): Promise<number> {
    if (error instanceof Unreadable) return this.#singly(error.deliveries);
    if (error instanceof OrphanedDeliveries) return this.#suspect(error);
    this.metrics.failed(isTransient(error) ? "transient" : "data");
    if (isTransient(error) || taken.length === 0) throw error;
    this.#logger.warn(logEntry("a batch was refused, trying its deliveries one by one", { deliveries: taken.length, error }));
    return this.#singly(taken);
  }

  /** Writes down what is begun, and strikes it out where it did not work out: whatever is then left in the journal, somebody died of. */
  async #journaled<T>(worker: string, claimed: readonly Claimed[], work: () => Promise<T>): Promise<T> {
    const suspected = await this.journal.begin(worker, claimed);
    try {
      if (suspected.length > 0) throw new OrphanedDeliveries(suspected);
      return await work();
    } catch (error) {
      await this.journal.giveBack(worker).catch(() => undefined);
      throw error;
    }
  }

  /** One of these may have killed the worker, the others did nothing: none has used up an attempt, and each is tried alone (retry.loop.ts). */
  async #suspect({ deliveries, message }: OrphanedDeliveries): Promise<number> {
    this.#logger.warn(logEntry(`${message}; each is tried again alone`, { deliveries: deliveries.length }));
    this.metrics.failed("crash");
    await setAside(this.database, deliveries, { source: "crash", errorClass: "WorkerEnded", message }, 0, 0);
    for (const delivery of deliveries)
      this.#logger.log(logEntry("a delivery was set aside", { ...claimedFields(delivery), source: "crash" }));
    return deliveries.length;
  }

  /** One row that cannot be read, or that the database refuses, must not hold up its neighbours. */
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
        const pause = backoff(this.config.RETRY_BACKOFF, 1);
        await setAside(this.database, [delivery], causeOf(error), 1, pause);
        this.#logger.warn(
          logEntry("a delivery was refused and set aside, to be tried again", {
            ...claimedFields(delivery),
            source: causeOf(error).source,
            attempts: 1,
            pause_seconds: pause,
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
    const began = performance.now();
    const trace = this.tracing.isOn ? new BatchTrace(this.tracing) : undefined;
    let afterCommit = () => {};
    const processed = await this.database
      .transaction(async (bare) => {
        const transaction = trace?.watch(bare) ?? bare;
        const claimed = await take(transaction);
        if (claimed.length === 0) return 0;
        const claimSeconds = (performance.now() - began) / 1_000;
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
    if (processed > 0) this.metrics.applied((performance.now() - began) / 1_000, trace?.traceId);
    return processed;
  }
}
