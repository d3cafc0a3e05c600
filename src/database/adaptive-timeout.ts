const MOST_SECONDS = 60;

/**
 * How long one statement is waited for. Short, since a connection that was cut gives no answer for ever; but a server
 * that is slow must not be asked the same again and again without end, so each time-out doubles it. Each statement has
 * its own: what is quick says nothing of what is slow.
 */
export class AdaptiveTimeout {
  #seconds: number;

  constructor(private readonly least: number) {
    this.#seconds = least;
  }

  get seconds(): number {
    return this.#seconds;
  }

  /** @param seconds that it took */
  answered(seconds: number): void {
    this.#seconds = Math.min(MOST_SECONDS, Math.max(this.least, 2 * seconds, 0.9 * this.#seconds));
  }

  timedOut(): void {
    this.#seconds = Math.min(MOST_SECONDS, 2 * this.#seconds);
  }
}
