import { randomUUID } from "node:crypto";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import type { BatchProcessor } from "./batch-processor.js";

/** Empties the inbox batch by batch; rests when there is little in it. */
export class WorkerLoop extends BackgroundLoop {
  /** Its name in the journal: a process that starts anew is somebody else. */
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
    return (await this.processor.processBatch(this.#id, true)).isNearlyEmpty ? "idle" : "again";
  }
}
