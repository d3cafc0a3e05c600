import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { Worker } from "node:worker_threads";
import { CONFIG, type Config } from "../config/index.js";
import { SchemaGate } from "../database/index.js";

const CHECKS = 10;

/**
 * The thread that watches. It counts its own ticks instead of reading the clock, so that a machine that slept, or a
 * process that was stopped and continued, is not taken for one that hangs.
 */
const WATCH = `
  const { workerData: { beats, everyMs, checks } } = require("node:worker_threads");
  let [last, silent] = [0, 0];
  setInterval(() => {
    const now = Atomics.load(beats, 0);
    silent = now === last ? silent + 1 : 0;
    last = now;
    if (silent <= checks) return;
    try {
      require("node:fs").writeSync(2, "the event loop stood still for longer than PROCESSING_DEADLINE: ending this process\\n");
    } finally {
      process.kill(process.pid, "SIGKILL");
    }
  }, everyMs);`;

/**
 * Ends the process if its event loop stands still for PROCESSING_DEADLINE: a delivery that hangs it can be stopped by
 * nothing else, and until then nobody is answered. The journal then tells the others what it was at.
 */
@Injectable()
export class Watchdog implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #beats = new Int32Array(new SharedArrayBuffer(4));
  #timer: NodeJS.Timeout | undefined;
  #thread: Worker | undefined;

  #stopped = false;

  constructor(
    private readonly schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Pick<Config, "PROCESSING_DEADLINE">,
  ) {}

  /** Watches from when the workers begin. */
  onApplicationBootstrap(): void {
    void this.schema.ready.then(() => {
      if (!this.#stopped) this.#watch();
    });
  }

  /** Last: the batches that are finished before could hang as well. */
  async onApplicationShutdown(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#thread?.terminate();
  }

  #watch(): void {
    const everyMs = (this.config.PROCESSING_DEADLINE * 1_000) / CHECKS;
    this.#timer = setInterval(() => Atomics.add(this.#beats, 0, 1), everyMs / 2).unref();
    this.#thread = new Worker(WATCH, { eval: true, workerData: { beats: this.#beats, everyMs, checks: CHECKS } });
    this.#thread.unref();
  }
}
