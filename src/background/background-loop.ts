import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { Outage } from "../logging/outage.js";

/** `again`: there is more to do now; `idle`: rest for the interval. */
export type Outcome = "again" | "idle";

const FIRST_BACKOFF_SECONDS = 0.1;
const MOST_BACKOFF_SECONDS = 2;

/**
 * The one shape of every background loop: start → runOnce, again and again → stop.
 * An error is logged and backed off from (full jitter, at most 2 s, so that a database that
 * comes back is used within seconds); it never ends the loop or the process.
 */
export abstract class BackgroundLoop implements OnApplicationBootstrap, OnModuleDestroy {
  protected readonly logger: Logger;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  readonly #outage: Outage;

  protected constructor(
    readonly name: string,
    readonly intervalSeconds: number,
    /** Fulfilled once the rounds may begin. */
    private readonly ready: Promise<void>,
  ) {
    this.logger = new Logger(name);
    this.#outage = new Outage(this.logger);
  }

  /** Does one round of the work. */
  abstract runOnce(): Promise<Outcome>;

  /** Begins the rounds as soon as it is ready. Idempotent. */
  start(): void {
    void this.ready.then(() => {
      if (!this.#abort.signal.aborted) this.#running ??= this.#run();
    });
  }

  /** Begins no further round and waits for the one under way. Idempotent. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  onApplicationBootstrap(): void {
    this.start();
  }

  async onModuleDestroy(): Promise<void> {
    await this.stop();
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const outcome = await this.#round();
      if (outcome !== "again") await this.#rest(outcome);
    }
  }

  async #round(): Promise<Outcome | "failed"> {
    try {
      const outcome = await this.runOnce();
      this.#outage.worked();
      return outcome;
    } catch (error) {
      this.#outage.failed(`round failed, trying again: ${error instanceof Error ? error.message : String(error)}`);
      return "failed";
    }
  }

  async #rest(outcome: "idle" | "failed"): Promise<void> {
    const backoff = Math.min(MOST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** Math.min(this.#outage.failures, 10));
    // Jitter keeps replicas from polling in step.
    const seconds = outcome === "idle" ? this.intervalSeconds * (0.75 + Math.random() / 2) : backoff * Math.random();
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#abort.signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, seconds * 1_000);
      this.#abort.signal.addEventListener("abort", done);
      if (this.#abort.signal.aborted) done();
    });
  }
}
