/** From this number of keys on, keys with unused rate are deleted. */
const CLEANUP_MIN_KEYS = 10_000;

/**
 * A rate limiter per key, with a steady rate and a burst, in the memory of this process.
 * Generic cell rate algorithm (ITU-T I.371): it stores, per key, the time until which the rate is used up.
 */
export class RateLimiter {
  readonly #usedUntil = new Map<string, number>();
  #cleanupAt = CLEANUP_MIN_KEYS;

  /**
   * @param ratePerSecond tokens per second and key
   * @param burstSeconds after an idle time, the tokens of this many seconds are available at once
   */
  constructor(
    private readonly ratePerSecond: number,
    private readonly burstSeconds: number,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /** Takes one token of the key. @returns 0 if a token was available; otherwise the seconds until the next token */
  take(key: string): number {
    const now = this.now();
    const used = Math.max(now, this.#usedUntil.get(key) ?? 0);
    const tokenMs = 1_000 / this.ratePerSecond;
    // The burst is at least one token, even at a slow rate.
    const waitMs = used + tokenMs - now - Math.max(tokenMs, this.burstSeconds * 1_000);
    if (waitMs > 0) return waitMs / 1_000;
    this.#usedUntil.set(key, used + tokenMs);
    this.#cleanUp(now);
    return 0;
  }

  #cleanUp(now: number): void {
    if (this.#usedUntil.size < this.#cleanupAt) return;
    for (const [key, until] of this.#usedUntil) if (until <= now) this.#usedUntil.delete(key);
    this.#cleanupAt = Math.max(CLEANUP_MIN_KEYS, 2 * this.#usedUntil.size);
  }
}
