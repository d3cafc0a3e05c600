import { setTimeout as sleep } from "node:timers/promises";
import type { Rollup } from "../src/counters/rollup.js";

/**
 * Does what the loop of a worker does, where a benchmark runs no loops.
 * @returns ends it, and adds what is left
 */
export function rollUpEverySecond(rollup: Rollup): () => Promise<void> {
  const stop = new AbortController();
  const running = (async () => {
    do {
      await rollup.run();
      await sleep(1_000, undefined, { signal: stop.signal }).catch(() => undefined);
    } while (!stop.signal.aborted);
    await rollup.run();
  })();
  return () => {
    stop.abort();
    return running;
  };
}
