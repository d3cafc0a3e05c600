import { setTimeout as sleep } from "node:timers/promises";
import type { ServerProcess } from "./server.js";

const PAUSE_MS = 1_000;

/** Restarts the server when it ends unexpectedly. */
export class Supervision {
  #server: ServerProcess;
  #isStopping = false;
  readonly #watch: Promise<void>;

  constructor(
    first: ServerProcess,
    private readonly restart: () => Promise<ServerProcess>,
    private readonly log: (line: string) => void,
  ) {
    this.#server = first;
    this.#watch = this.#run();
  }

  /** @throws Error where the server does not stop */
  async stop(): Promise<void> {
    this.#isStopping = true;
    await this.#server.stop();
    await this.#watch;
  }

  async #run(): Promise<void> {
    for (;;) {
      await this.#server.ended;
      if (this.#isStopping) return;
      this.log("PostgreSQL ended unexpectedly; starting it again");
      await this.#startAgain();
      // stop() may have been called during the restart.
      if (this.#isStopping) return this.#server.stop();
    }
  }

  async #startAgain(): Promise<void> {
    while (!this.#isStopping) {
      try {
        this.#server = await this.restart();
        return;
      } catch (error) {
        this.log(`${(error as Error).message}; trying again`);
        await sleep(PAUSE_MS);
      }
    }
  }
}
