const LEAST_SECONDS = 5;
const MOST_SECONDS = 60;

/**
 * How long a statement of a transaction is waited for. Short, since a connection that was cut gives no answer for ever;
 * but a server that is slow must not be asked the same again and again without end, so each time-out doubles it.
 */
export class Patience {
  #seconds = LEAST_SECONDS;

  get seconds(): number {
    return this.#seconds;
  }

  /** @param seconds that a statement took */
  answered(seconds: number): void {
    this.#seconds = Math.max(LEAST_SECONDS, 2 * seconds, 0.9 * this.#seconds);
  }

  timedOut(): void {
    this.#seconds = Math.min(MOST_SECONDS, 2 * this.#seconds);
  }
}
