import { randomUUID } from "node:crypto";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import type { BatchProcessor } from "./batch-processor.js";

/** Processes the inbox batch by batch, and rests when the inbox is nearly empty. */
export class WorkerLoop extends BackgroundLoop {
  /** Name of this worker in the journal. A restarted process gets new names. */
  readonly #id = randomUUID();

  constructor(
    number: number,
    private readonly processor: Pick<BatchProcessor, "processBatch">,
    pollSeconds: number,
    ready: Promise<void>,
  ) {
    super(`processing/worker-${number}`, pollSeconds, ready);
  }

  async runOnce(): Promise<Outcome> {
    return (await this.processor.processBatch(this.#id)).more ? "again" : "idle";
  }
}
