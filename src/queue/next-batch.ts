import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/config.js";
import type { Queryable } from "../database/sql.js";
import { ClaimCursor } from "./claim-cursor.js";
import { claim, type Claimed, hold, isPartOfMore, remove } from "./claim.sql.js";
import { delay } from "./delay.sql.js";
import { claimedFields } from "./delivery-fields.js";
import { LaneOrder } from "./lane-order.js";
import { logEntry } from "../logging/fields.js";
import { isLogged, type LogConfig } from "../logging/levels.js";
import { ProcessingMetrics } from "../processing/processing.metrics.js";
import { FleetRateLimits } from "./rate-limits.js";
import type { Demand } from "./rate-limits.sql.js";

/** What a worker came to in the inbox. */
export interface Taken {
  /** To be processed, and out of the inbox with this transaction. */
  readonly rows: readonly Claimed[];
  /** All that it came to: these, and what was put off. */
  readonly count: number;
  /** Whether it has looked at everything, so that there is no more. */
  readonly lookedAtAll: boolean;
  /** Whether that was all, and hardly worth a transaction: more will have come together after a rest. */
  readonly isNearlyEmpty: boolean;
  /** What it took of the limits. */
  readonly leased: readonly Demand[];
}

export const NOTHING: Taken = { rows: [], count: 0, lookedAtAll: false, isNearlyEmpty: true, leased: [] };

/**
 * A batch of less than this share of `BATCH_SIZE` takes nearly the statements, the locks and the commit of a full one. Measured with two loops at 500
 * deliveries a second: PostgreSQL took 0.30 instead of 0.60 cores, once what came in a rest of `POLL_INTERVAL` was one batch (bench/NOTES.md).
 */
const LITTLE = 0.1;

/** Which deliveries are next. Shared by the loops of this process. */
@Injectable()
export class NextBatch {
  readonly #floor = new ClaimCursor();
  readonly #order = new LaneOrder();
  readonly #withCompletions: boolean;
  readonly #logger = new Logger("processing");
  readonly #isDebugEnabled: boolean;

  constructor(
    private readonly limiter: FleetRateLimits,
    private readonly metrics: ProcessingMetrics,
    @Inject(CONFIG) private readonly config: Pick<Config, "BATCH_SIZE"> & Partial<Pick<Config, "CI_TRACES">> & LogConfig,
  ) {
    this.#withCompletions = config.CI_TRACES === "on";
    this.#isDebugEnabled = isLogged(config, "processing", "debug");
  }

  /** Takes the next batch out of the inbox. */
  async take(transaction: Queryable): Promise<Taken> {
    const from = this.#floor.next();
    const began = performance.now();
    const looked = (found: readonly Claimed[]): { isNearlyEmpty: boolean } => {
      const isPart = isPartOfMore(found, this.config.BATCH_SIZE);
      this.#floor.claimed(from, found, performance.now() - began, isPart);
      return { isNearlyEmpty: !isPart && found.length < this.config.BATCH_SIZE * LITTLE };
    };
    const lookedAtAll = from.sweep === "whole";
    // What was put off by a limit that is configured no more is found by the sweeps, due or not.
    if (!this.limiter.isOn && !lookedAtAll) {
      const rows = await claim(transaction, this.config.BATCH_SIZE, from.floors, this.#order.next(), this.#withCompletions);
      return { rows, count: rows.length, lookedAtAll, ...looked(rows), leased: [] };
    }
    const held = await hold(transaction, this.config.BATCH_SIZE, from.floors, this.#order.next(), this.limiter.isOn, this.#withCompletions);
    const { isNearlyEmpty } = looked(held);
    const { now, later, leased } = await this.limiter.judge(held);
    try {
      if (later.length > 0) await delay(transaction, later);
      if (now.length > 0) await remove(transaction, now);
    } catch (error) {
      await this.limiter.giveBack(leased);
      throw error;
    }
    this.metrics.delayed(later.length);
    if (this.#isDebugEnabled && later.length > 0) {
      const isDelayed = new Set(later.map(({ key }) => key));
      for (const row of held)
        if (isDelayed.has(row)) this.#logger.debug(logEntry("a delivery was put off by RATE_LIMITS", claimedFields(row)));
    }
    return { rows: now, count: held.length, lookedAtAll, isNearlyEmpty, leased };
  }

  /** The transaction was rolled back: its rows are back in the inbox. */
  async giveBack({ leased }: Taken): Promise<void> {
    this.sweep();
    await this.limiter.giveBack(leased);
  }

  /** The next one looks at everything. */
  sweep(): void {
    this.#floor.sweep();
  }
}
