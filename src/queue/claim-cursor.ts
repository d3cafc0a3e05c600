import { LANES } from "../intake/lanes.js";
import type { InboxKey } from "./claim.sql.js";

/** Sweeps begin so often, at most. Milliseconds. */
const SWEEP_EVERY = 250;
/** Who commits later than its successors does so within this time, or its sender was told long ago to try again (REQUEST_TIMEOUT). Milliseconds. */
const STRAGGLING = 15_000;
/** How often the floors of the past are noted. Milliseconds. */
const NOTE_EVERY = 1_000;

/**
 * The two sweeps: of the share of the time one in `oneIn`, at least every `atLeastEvery` milliseconds. `whole` lanes for
 * what another worker gave back, the `recent` end for sequence numbers that did not commit in order.
 */
const SWEEPS = {
  whole: { oneIn: 200, atLeastEvery: 60_000 },
  recent: { oneIn: 50, atLeastEvery: 5_000 },
} as const;

type Sweep = keyof typeof SWEEPS;

/** From where a claim looks, in each of LANES. */
export interface From {
  readonly floors: readonly number[];
  /** How far behind what was claimed it looks; undefined: not at all. */
  readonly sweep: Sweep | undefined;
}

/**
 * Where in each lane a worker goes on. Rows that were claimed stay in the index until the vacuum has passed, and a
 * snapshot that somebody holds open keeps it from passing: without a floor each claim walks over the rows of all claims
 * before it (bench/NOTES.md: 100,000 of them doubled the time of a claim, 600,000 took a third of a second).
 */
export class ClaimCursor {
  readonly #floors = new Map<number, number>();
  readonly #notes: { readonly at: number; readonly floors: readonly number[] }[] = [];
  readonly #due: Record<Sweep, number> = { whole: Number.NEGATIVE_INFINITY, recent: Number.NEGATIVE_INFINITY };

  constructor(private readonly now: () => number = () => performance.now()) {}

  /** Behind what was claimed, or further back where it is time for that. */
  next(): From {
    if (this.#begins("whole")) return { floors: LANES.map(() => 0), sweep: "whole" };
    const floors = this.#current();
    if (!this.#begins("recent")) return { floors, sweep: undefined };
    // A full scan that was cut short has set a floor back, behind the noted one.
    const noted = this.#notes[0]?.floors ?? [];
    return { floors: floors.map((floor, index) => Math.min(floor, noted[index] ?? 0)), sweep: "recent" };
  }

  /**
   * What was claimed need not be walked over again.
   * @param took milliseconds
   * @param isFull whether there may be more
   */
  claimed(from: From, claimed: readonly InboxKey[], took: number, isFull: boolean): void {
    if (from.sweep) this.#ended(from.sweep, took);
    // A sweep that was cut short goes on from where it came to.
    if (from.sweep && isFull) for (const { priority } of claimed) this.#floors.delete(priority);
    for (const { priority, seq } of claimed) {
      this.#floors.set(priority, Math.max(this.#floors.get(priority) ?? 0, Number(seq) + 1));
    }
    this.#note();
  }

  /** The next claim looks at everything: after a rollback rows are back. */
  sweep(): void {
    this.#due.whole = Number.NEGATIVE_INFINITY;
  }

  /** Nobody else begins one meanwhile; `claimed` says when the next one is due. */
  #begins(sweep: Sweep): boolean {
    if (this.now() < this.#due[sweep]) return false;
    this.#due[sweep] = this.now() + SWEEPS[sweep].atLeastEvery;
    return true;
  }

  #ended(sweep: Sweep, took: number): void {
    const { oneIn, atLeastEvery } = SWEEPS[sweep];
    this.#due[sweep] = this.now() + Math.min(atLeastEvery, Math.max(SWEEP_EVERY, oneIn * took));
    // Whoever has looked at everything has looked at the end.
    if (sweep === "whole") this.#due.recent = this.now() + SWEEP_EVERY;
  }

  #current(): readonly number[] {
    return LANES.map((lane) => this.#floors.get(lane) ?? 0);
  }

  /** The first note is the newest that is older than STRAGGLING, or the oldest of all. */
  #note(): void {
    const now = this.now();
    if (now - (this.#notes.at(-1)?.at ?? Number.NEGATIVE_INFINITY) >= NOTE_EVERY) this.#notes.push({ at: now, floors: this.#current() });
    while ((this.#notes[1]?.at ?? now) <= now - STRAGGLING) this.#notes.shift();
  }
}
