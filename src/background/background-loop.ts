import { Logger, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { messageOf, Outage } from "../logging/index.js";
import { backoff } from "./backoff.js";

/** `again`: run the next round now; `idle`: rest for the interval; `restSeconds`: rest for that long. */
export type Outcome = "again" | "idle" | { readonly restSeconds: number };

/** The loops of each application, which share one `ready` promise. */
const siblings = new WeakMap<Promise<void>, Set<BackgroundLoop>>();

/** Short, so that a database that comes back is used within seconds. */
const BACKOFF_SECONDS = { first: 0.1, most: 2 };
const MAX_REST_SECONDS = 86_400;

/**
 * Base class of all background loops. It calls runOnce() repeatedly until stop().
 * An error is logged and followed by a backoff. It never ends the loop or the process.
 */
export abstract class BackgroundLoop implements OnApplicationBootstrap, OnModuleDestroy {
  protected readonly logger: Logger;
  readonly #abort = new AbortController();
  #running: Promise<void> | undefined;
  readonly #outage: Outage;

  protected constructor(
    readonly name: string,
    readonly intervalSeconds: number,
    /** Fulfilled once the first round may begin. */
    private readonly ready: Promise<void>,
  ) {
    this.logger = new Logger(name);
    this.#outage = new Outage(this.logger);
    siblings.set(ready, (siblings.get(ready) ?? new Set()).add(this));
  }

  /** Does one round of the work. */
  abstract runOnce(): Promise<Outcome>;

  /** Starts the rounds as soon as the loop is ready. Idempotent. */
  start(): void {
    void this.ready.then(() => {
      if (!this.#abort.signal.aborted) this.#running ??= this.#run();
    });
  }

  /** Starts no further round and waits for the current one. Idempotent. */
  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  onApplicationBootstrap(): void {
    this.start();
  }

  /** Nest destroys one module after the other. So the first loop ends the rounds of all, and their last rounds run side by side. */
  async onModuleDestroy(): Promise<void> {
    for (const loop of siblings.get(this.ready) ?? []) loop.#abort.abort();
    await this.stop();
  }

  async #run(): Promise<void> {
    while (!this.#abort.signal.aborted) {
      const outcome = await this.#round();
      if (outcome !== "again") await this.#rest(this.#secondsOf(outcome));
    }
  }

  async #round(): Promise<Outcome | "failed"> {
    try {
      const outcome = await this.runOnce();
      this.#outage.worked();
      return outcome;
    } catch (error) {
      this.#outage.failed(`round failed, trying again: ${messageOf(error)}`);
      return "failed";
    }
  }

  #secondsOf(outcome: "idle" | "failed" | { readonly restSeconds: number }): number {
    if (outcome === "failed") return backoff(this.#outage.failures, BACKOFF_SECONDS.first, BACKOFF_SECONDS.most);
    // With jitter, replicas poll at different moments.
    return outcome === "idle" ? this.intervalSeconds * (0.75 + Math.random() / 2) : outcome.restSeconds;
  }

  async #rest(seconds: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#abort.signal.removeEventListener("abort", done);
        resolve();
      };
      // Node fires a timer of more than 24.8 days at once.
      const timer = setTimeout(done, Math.min(seconds, MAX_REST_SECONDS) * 1_000);
      this.#abort.signal.addEventListener("abort", done);
      if (this.#abort.signal.aborted) done();
    });
  }
}
