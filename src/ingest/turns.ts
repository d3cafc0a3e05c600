/** So that, when turns are long for another reason, nobody waits for more than a few of them. */
const PART = 1 / 16;
const LEAST = 128;
const FEW = 16;

/**
 * Lets a part of what waits through in each turn of the event loop, in the order in which it came. A turn in which thousands
 * are answered lasts for half a second, and whatever else waits for its next one, such as a commit, waits as long
 * (docs/performance.md).
 */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #isDue = false;
  #isShort = false;

  /** Fulfilled in a turn that has room. */
  next(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#await();
    });
  }

  /** Lets only few through in this turn. Whoever waits to be connected needs many, since node connects one in each (libuv 1.46). */
  shorten(): void {
    this.#isShort = true;
  }

  #await(): void {
    if (this.#isDue || this.#waiting.length === 0) return;
    this.#isDue = true;
    setImmediate(() => {
      this.#isDue = false;
      const count = this.#isShort ? FEW : Math.max(LEAST, Math.ceil(this.#waiting.length * PART));
      this.#isShort = false;
      for (const resolve of this.#waiting.splice(0, count)) resolve();
      this.#await();
    });
  }
}
