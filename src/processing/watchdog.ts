import { Inject, Injectable, type OnApplicationBootstrap, type OnApplicationShutdown } from "@nestjs/common";
import { Worker } from "node:worker_threads";
import { CONFIG, type Config } from "../config/index.js";
import { SchemaGate } from "../database/index.js";

const CHECKS = 10;

/**
 * Source of the watchdog thread. It counts its own ticks instead of reading the clock, so that a suspended machine or
 * process does not count as hung.
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
      require("node:fs").writeSync(2, "the event loop was blocked for longer than PROCESSING_DEADLINE: killing this process\\n");
    } finally {
      process.kill(process.pid, "SIGKILL");
    }
  }, everyMs);`;

/**
 * Kills the process if its event loop is blocked for PROCESSING_DEADLINE. Nothing else stops a delivery that blocks it.
 * Other workers then find the batch in the journal.
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

  /** Starts when the workers start. */
  onApplicationBootstrap(): void {
    void this.schema.ready.then(() => {
      if (!this.#stopped) this.#watch();
    });
  }

  /** Stops last, because the final batches of a shutdown can hang too. */
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
