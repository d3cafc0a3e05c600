/** Of what waits, in a turn. */
const PART = 1 / 16;
const LEAST = 128;
/** Of what waits, in a short turn. */
const SMALL_PART = 1 / 128;
const FEW = 16;
/** Whoever has waited for so long goes first, also in a short turn: up to so large a part of what waits. Milliseconds. */
const LONG_MS = 1_000;
const LARGE_PART = 1 / 4;

interface Waiting {
  readonly since: number;
  readonly resolve: () => void;
}

/**
 * Lets a part of what waits through in each turn of the event loop, in the order in which it came. A turn in which thousands
 * are answered lasts for half a second, and whatever else waits for its next one, such as a commit, waits as long
 * (bench/NOTES.md).
 */
export class Turns {
  readonly #waiting: Waiting[] = [];
  #isDue = false;
  #isShort = false;

  /** Fulfilled in a turn that has room, after a second in one of the next. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ since: performance.now(), resolve });
      this.#await();
    });
  }

  /**
   * Lets only few through in the turn under way, if any wait. Who waits to be connected needs many turns, since node takes one
   * new connection in each (libuv 1.46 to 1.52, of node 20 to 26).
   */
  shorten(): void {
    this.#isShort = this.#isDue;
  }

  #await(): void {
    if (this.#isDue || this.#waiting.length === 0) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      const [least, part] = this.#isShort ? [FEW, SMALL_PART] : [LEAST, PART];
      this.#isShort = false;
      const count = Math.max(least, Math.ceil(this.#waiting.length * part), this.#longWaiting());
      for (const { resolve } of this.#waiting.splice(0, count)) resolve();
      this.#await();
    });
  }

  #longWaiting(): number {
    const before = performance.now() - LONG_MS;
    const index = this.#waiting.findIndex(({ since }) => since > before);
    return Math.min(index < 0 ? this.#waiting.length : index, Math.ceil(this.#waiting.length * LARGE_PART));
  }
}
