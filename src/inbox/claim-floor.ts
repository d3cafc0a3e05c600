import { LANES } from "./delivery.js";
import type { InboxKey } from "./claim.sql.js";

/** How often a claim looks at the whole lane: sequence numbers do not commit in order. Milliseconds. */
const SWEEP_EVERY_MS = 250;

/**
 * Where in each lane a busy worker goes on. Rows that were claimed stay in the index until the vacuum has passed, and a
 * snapshot that somebody holds open keeps it from passing: without a floor each claim walks over the rows of all claims
 * before it (docs/performance.md: 100,000 of them doubled the time of a claim).
 */
export class ClaimFloor {
  readonly #floors = new Map<number, number>();
  #sweptAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** The lowest sequence number to claim in each lane; 0 in all of them where it is time to look at everything. */
  next(): readonly number[] {
    if (this.now() - this.#sweptAt >= SWEEP_EVERY_MS) {
      this.#floors.clear();
      this.#sweptAt = this.now();
    }
    return LANES.map((lane) => this.#floors.get(lane) ?? 0);
  }

  /** What was claimed need not be walked over again. */
  raise(claimed: readonly InboxKey[]): void {
    for (const { priority, seq } of claimed) {
      this.#floors.set(priority, Math.max(this.#floors.get(priority) ?? 0, Number(seq) + 1));
    }
  }

  /** The next claim looks at everything: after a rollback rows are back, and an inbox is empty only if nothing is below the floor either. */
  clear(): void {
    this.#sweptAt = Number.NEGATIVE_INFINITY;
  }
}
