/** Keys from which those that are within their rate are forgotten. */
const MANY_KEYS = 10_000;

/**
 * How much each of many may have: a steady rate, and a burst after a rest. In memory, by this process alone. The generic
 * cell rate algorithm (ITU-T I.371): for each key, the moment until which its rate is used up.
 */
export class RateLimiter {
  readonly #usedUntil = new Map<string, number>();
  #sweepAt = MANY_KEYS;

  /**
   * @param rate a second
   * @param burst seconds of that rate that may come at once
   */
  constructor(
    private readonly rate: number,
    private readonly burst: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes one of the key's. @returns 0 where it was there; else nothing is taken, and it will be there in so many seconds */
  take(key: string): number {
    const now = this.now();
    const used = Math.max(now, this.#usedUntil.get(key) ?? 0);
    const one = 1_000 / this.rate;
    // At least one at a time, however slow the rate.
    const wait = used + one - now - Math.max(one, this.burst * 1_000);
    if (wait > 0) return wait / 1_000;
    this.#usedUntil.set(key, used + one);
    this.#forget(now);
    return 0;
  }

  #forget(now: number): void {
    if (this.#usedUntil.size < this.#sweepAt) return;
    for (const [key, until] of this.#usedUntil) if (until <= now) this.#usedUntil.delete(key);
    this.#sweepAt = Math.max(MANY_KEYS, 2 * this.#usedUntil.size);
  }
}
