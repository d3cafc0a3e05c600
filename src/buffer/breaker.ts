/** While the database is down, one delivery per interval probes it. */
const PROBE_INTERVAL_MS = 1_000;

/** A circuit breaker: while it is open, deliveries do not wait for the database, and about one per second probes it. */
export class Breaker {
  #open = false;
  #probeAt = 0;

  constructor(private readonly now: () => number = () => performance.now()) {}

  get isOpen(): boolean {
    return this.#open;
  }

  /** True if this delivery may go to the database: every one while closed, about one per second while open. */
  admits(mayProbe: boolean): boolean {
    if (!this.#open) return true;
    if (!mayProbe || this.now() < this.#probeAt) return false;
    // Only one probe at a time.
    this.#probeAt = Number.POSITIVE_INFINITY;
    return true;
  }

  succeeded(): void {
    this.#open = false;
  }

  failed(): void {
    this.#open = true;
    this.#probeAt = this.now() + PROBE_INTERVAL_MS * (0.75 + Math.random() / 2);
  }
}
