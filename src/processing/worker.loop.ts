import { randomUUID } from "node:crypto";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import type { Config } from "../config/config.js";
import type { BatchProcessor } from "./batch-processor.js";

/**
 * A batch of less than this share of `BATCH_SIZE` takes nearly the statements, the locks and the commit of a full one: whoever comes to so little
 * rests, and what arrives meanwhile is one batch instead of twenty, which would take their cores from the commits of ingest.
 */
const LITTLE = 0.1;

/** Empties the inbox batch by batch; rests when there is little in it. */
export class WorkerLoop extends BackgroundLoop {
  /** Its name in the journal: a process that starts anew is somebody else. */
  readonly #id = randomUUID();

  constructor(
    number: number,
    private readonly processor: Pick<BatchProcessor, "processBatch" | "workerEnds">,
    private readonly config: Pick<Config, "BATCH_SIZE" | "POLL_INTERVAL">,
    ready: Promise<void>,
  ) {
    super(`processing/worker-${number}`, config.POLL_INTERVAL, ready);
  }

  async runOnce(): Promise<Outcome> {
    const count = await this.processor.processBatch(this.#id, true);
    return count > 0 && count >= this.config.BATCH_SIZE * LITTLE ? "again" : "idle";
  }

  override async stop(): Promise<void> {
    await super.stop();
    await this.processor.workerEnds(this.#id);
  }
}
