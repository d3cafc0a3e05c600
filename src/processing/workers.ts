import { Inject, Injectable, type OnApplicationBootstrap, type OnModuleDestroy } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { SchemaGate } from "../database/index.js";
import { BatchProcessor } from "./batch-processor.js";
import { WorkerLoop } from "./worker.loop.js";

/** The WORKER_CONCURRENCY worker loops of this process. */
@Injectable()
export class Workers implements OnApplicationBootstrap, OnModuleDestroy {
  readonly #loops: readonly WorkerLoop[];

  constructor(processor: BatchProcessor, schema: SchemaGate, @Inject(CONFIG) config: Config) {
    this.#loops = Array.from(
      { length: config.WORKER_CONCURRENCY },
      (_, index) => new WorkerLoop(index + 1, processor, config.POLL_INTERVAL, schema.ready),
    );
  }

  onApplicationBootstrap(): void {
    for (const loop of this.#loops) loop.start();
  }

  async onModuleDestroy(): Promise<void> {
    await Promise.all(this.#loops.map((loop) => loop.stop()));
  }
}
