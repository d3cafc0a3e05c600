/** Share of the queue that one iteration of the event loop resolves. */
const SHARE = 1 / 16;
const MIN_COUNT = 128;
/** The same for a shortened iteration. */
const SHORT_SHARE = 1 / 128;
const SHORT_MIN_COUNT = 16;
/** Entries older than this are resolved even in a shortened iteration, up to {@link OVERDUE_SHARE} of the queue. */
const OVERDUE_MS = 1_000;
const OVERDUE_SHARE = 1 / 4;

interface Waiting {
  readonly since: number;
  readonly resolve: () => void;
}

/**
 * Spreads work over several iterations of the event loop, first in, first out. Thousands of answers in one iteration would block
 * the event loop, and so every commit, for half a second (bench/NOTES.md).
 */
export class YieldQueue {
  readonly #waiting: Waiting[] = [];
  #isDue = false;
  #isShort = false;

  /** Resolves in an iteration with room; after a second, entries have precedence. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ since: performance.now(), resolve });
      this.#schedule();
    });
  }

  /**
   * Resolves only a few entries in the pending iteration. Node accepts one new connection per iteration (libuv 1.46 to 1.52, node 20
   * to 26), so many new connections need many short iterations.
   */
  shorten(): void {
    this.#isShort = this.#isDue;
  }

  #schedule(): void {
    if (this.#isDue || this.#waiting.length === 0) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      const [min, share] = this.#isShort ? [SHORT_MIN_COUNT, SHORT_SHARE] : [MIN_COUNT, SHARE];
      this.#isShort = false;
      const count = Math.max(min, Math.ceil(this.#waiting.length * share), this.#countOverdue());
      for (const { resolve } of this.#waiting.splice(0, count)) resolve();
      this.#schedule();
    });
  }

  #countOverdue(): number {
    const before = performance.now() - OVERDUE_MS;
    const index = this.#waiting.findIndex(({ since }) => since > before);
    return Math.min(index < 0 ? this.#waiting.length : index, Math.ceil(this.#waiting.length * OVERDUE_SHARE));
  }
}
