const MAX_SECONDS = 60;

/**
 * Timeout of one statement text. It starts short, because a cut connection never answers. Each timeout doubles it, so
 * that a slow statement finishes at last.
 */
export class AdaptiveTimeout {
  #seconds: number;

  constructor(private readonly minSeconds: number) {
    this.#seconds = minSeconds;
  }

  get seconds(): number {
    return this.#seconds;
  }

  /** @param seconds how long the statement took */
  answered(seconds: number): void {
    this.#seconds = Math.min(MAX_SECONDS, Math.max(this.minSeconds, 2 * seconds, 0.9 * this.#seconds));
  }

  timedOut(): void {
    this.#seconds = Math.min(MAX_SECONDS, 2 * this.#seconds);
  }
}
