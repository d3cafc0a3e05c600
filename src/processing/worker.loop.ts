import { randomUUID } from "node:crypto";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import type { BatchProcessor } from "./batch-processor.js";

/** Empties the inbox batch by batch; rests only when it is empty. */
export class WorkerLoop extends BackgroundLoop {
  /** Its name in the journal: a process that starts anew is somebody else. */
  readonly #id = randomUUID();

  constructor(
    number: number,
    private readonly processor: BatchProcessor,
    pollSeconds: number,
    ready: Promise<void>,
  ) {
    super(`processing/worker-${number}`, pollSeconds, ready);
  }

  async runOnce(): Promise<Outcome> {
    return (await this.processor.processBatch(this.#id, true)) > 0 ? "again" : "idle";
  }
}
