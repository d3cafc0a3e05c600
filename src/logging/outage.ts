import type { Logger } from "@nestjs/common";

/** Minimum time between two lines about one outage. */
const LOG_INTERVAL_MS = 60_000;

/** Logs consecutive failures of one kind: the first, then one per minute, and the recovery. */
export class Outage {
  #failures = 0;
  #beganAt = 0;
  #loggedAt = 0;

  constructor(
    private readonly logger: Pick<Logger, "warn" | "log">,
    private readonly nowMs: () => number = () => performance.now(),
  ) {}

  get failures(): number {
    return this.#failures;
  }

  /** @param line a text or a {@link logEntry} */
  failed(line: unknown): void {
    const now = this.nowMs();
    if (this.#failures === 0) this.#beganAt = now;
    this.#failures += 1;
    if (this.#failures > 1 && now - this.#loggedAt < LOG_INTERVAL_MS) return;
    this.#loggedAt = now;
    this.logger.warn(line);
  }

  worked(): void {
    if (this.#failures === 0) return;
    const seconds = Math.round((this.nowMs() - this.#beganAt) / 1_000);
    this.logger.log(`works again, after ${this.#failures} failure${this.#failures === 1 ? "" : "s"} in ${seconds} s`);
    this.#failures = 0;
  }
}
