import { LANES } from "./delivery.js";
import type { InboxKey } from "./claim.sql.js";

/** How often a claim looks at the whole lane, at least, since sequence numbers do not commit in order; and at most, however long that takes. Milliseconds. */
const [SWEEP_EVERY, SWEEP_AT_LEAST_EVERY] = [250, 30_000];
/** The share of the time that looking at everything may take: one in so many. */
const ONE_IN = 50;

/** From where a claim looks, in each of LANES. */
export interface From {
  readonly floors: readonly number[];
  /** Whether it looks at everything. */
  readonly isSweep: boolean;
}

/**
 * Where in each lane a worker goes on. Rows that were claimed stay in the index until the vacuum has passed, and a
 * snapshot that somebody holds open keeps it from passing: without a floor each claim walks over the rows of all claims
 * before it (docs/performance.md: 100,000 of them doubled the time of a claim, 600,000 took a third of a second).
 */
export class ClaimFloor {
  readonly #floors = new Map<number, number>();
  #sweepAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Everything where it is time for that, else behind what was claimed. */
  next(): From {
    const isSweep = this.now() >= this.#sweepAt;
    // Nobody else begins one meanwhile; `claimed` says when the next one is due.
    if (isSweep) this.#sweepAt = this.now() + SWEEP_AT_LEAST_EVERY;
    return { floors: LANES.map((lane) => (isSweep ? 0 : (this.#floors.get(lane) ?? 0))), isSweep };
  }

  /**
   * What was claimed need not be walked over again.
   * @param took milliseconds
   * @param isFull whether there may be more
   */
  claimed(from: From, claimed: readonly InboxKey[], took: number, isFull: boolean): void {
    if (from.isSweep) this.#sweepAt = this.now() + Math.min(SWEEP_AT_LEAST_EVERY, Math.max(SWEEP_EVERY, ONE_IN * took));
    // A sweep that was cut short goes on from where it came to.
    if (from.isSweep && isFull) this.#floors.clear();
    for (const { priority, seq } of claimed) {
      this.#floors.set(priority, Math.max(this.#floors.get(priority) ?? 0, Number(seq) + 1));
    }
  }

  /** The next claim looks at everything: after a rollback rows are back. */
  sweep(): void {
    this.#sweepAt = Number.NEGATIVE_INFINITY;
  }
}
