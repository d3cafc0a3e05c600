import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import type { Queryable } from "../database/index.js";
import { LANES } from "../intake/index.js";
import { isLogged, type LogConfig, logEntry } from "../logging/index.js";
import { ClaimCursor, type ClaimPosition } from "./claim-cursor.js";
import { claim, type Claimed, hold, isPartOfMore, remove } from "./claim.sql.js";
import { claimedFields } from "./claimed-fields.js";
import { RateLimits, type LimitLease } from "./rate-limits.js";

/** A batch, taken in one transaction. */
export interface TakenBatch {
  /** Removed from the inbox by this transaction; a rollback puts them back. */
  readonly deliveries: readonly Claimed[];
  /** Number of deliveries that RATE_LIMITS delayed in this transaction. */
  readonly delayed: number;
  /** Whether to take the next batch at once. Otherwise the worker rests, and a larger batch gathers. */
  readonly more: boolean;
  /** Slots that the batch took from its limits. */
  readonly leases: readonly LimitLease[];
}

export const EMPTY_BATCH: TakenBatch = { deliveries: [], delayed: 0, more: false, leases: [] };

/**
 * A transaction for a few deliveries costs nearly as much as one for a full batch, so a worker rests after a batch smaller than this
 * share. At 500 deliveries a second and two loops, that took PostgreSQL from 0.60 to 0.30 cores (bench/NOTES.md).
 */
const SMALL_BATCH_SHARE = 0.1;
/** Every tenth claim starts with a lower lane, so that none starves. */
const LOWER_LANES_EVERY = 10;

/** Takes batches of deliveries from the inbox. The workers of one process share it. */
@Injectable()
export class Queue {
  readonly #logger = new Logger("queue");
  readonly #cursor = new ClaimCursor();
  readonly #withCompletions: boolean;
  readonly #isDebugEnabled: boolean;
  #claims = 0;

  constructor(
    private readonly limits: RateLimits,
    @Inject(CONFIG) private readonly config: Pick<Config, "BATCH_SIZE"> & Partial<Pick<Config, "CI_TRACES">> & LogConfig,
  ) {
    this.#withCompletions = config.CI_TRACES === "on";
    this.#isDebugEnabled = isLogged(config, "queue", "debug");
  }

  /** Takes the next batch in the given transaction. Rows that another worker has locked are skipped. */
  async take(transaction: Queryable): Promise<TakenBatch> {
    const position = this.#cursor.next();
    const search = {
      limit: this.config.BATCH_SIZE,
      floors: position.floors,
      lanes: this.#lanesInOrder(),
      withCompletions: this.#withCompletions,
    };
    const startedMs = performance.now();
    // A full scan also finds rows delayed by a limit that has since been removed.
    if (!this.limits.areConfigured && !position.isFullScan) {
      const deliveries = await claim(transaction, search);
      return { ...EMPTY_BATCH, deliveries, more: this.#claimed(position, deliveries, startedMs) };
    }
    const held = await hold(transaction, search, this.limits.areConfigured);
    const more = this.#claimed(position, held, startedMs);
    const { pass, delays, leases } = await this.limits.apply(transaction, held);
    try {
      if (pass.length > 0) await remove(transaction, pass);
    } catch (error) {
      await this.limits.giveBack(leases);
      throw error;
    }
    if (this.#isDebugEnabled)
      for (const { key } of delays) this.#logger.debug(logEntry("RATE_LIMITS delayed a delivery", claimedFields(key)));
    return { deliveries: pass, delayed: delays.length, more, leases };
  }

  /** To be called after the transaction of a batch was rolled back. */
  async giveBack({ leases }: TakenBatch): Promise<void> {
    this.requestFullScan();
    await this.limits.giveBack(leases);
  }

  /** Makes the next batch look at the whole inbox. */
  requestFullScan(): void {
    this.#cursor.requestFullScan();
  }

  /** Moves the cursor. @returns whether to take the next batch at once */
  #claimed(position: ClaimPosition, rows: readonly Claimed[], startedMs: number): boolean {
    const isPart = isPartOfMore(rows, this.config.BATCH_SIZE);
    this.#cursor.claimed(position, rows, performance.now() - startedMs, isPart);
    return isPart || rows.length >= this.config.BATCH_SIZE * SMALL_BATCH_SHARE;
  }

  #lanesInOrder(): readonly number[] {
    this.#claims += 1;
    if (this.#claims % LOWER_LANES_EVERY !== 0) return LANES;
    const [first = 0, ...others] = LANES;
    const start = (this.#claims / LOWER_LANES_EVERY - 1) % others.length;
    return [...others.slice(start), ...others.slice(0, start), first];
  }
}
