/** A database that is away is asked so often, with one delivery. Milliseconds. */
const PROBE_EVERY = 1_000;

/** Remembers that the database is away, so that deliveries do not wait for it one by one, and tries it now and then. */
export class Breaker {
  #open = false;
  #probeAt = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  get isOpen(): boolean {
    return this.#open;
  }

  /** Whether this delivery may go to the database: each one while it is well, else one about every second. */
  admits(mayProbe: boolean): boolean {
    if (!this.#open) return true;
    if (!mayProbe || this.now() < this.#probeAt) return false;
    // Nobody else, until it has failed.
    this.#probeAt = Number.POSITIVE_INFINITY;
    return true;
  }

  succeeded(): void {
    this.#open = false;
  }

  failed(): void {
    this.#open = true;
    this.#probeAt = this.now() + PROBE_EVERY * (0.75 + Math.random() / 2);
  }
}
