import { setTimeout as sleep } from "node:timers/promises";
import type { Rollup } from "../src/counters/rollup.js";

/**
 * Runs rollups periodically, for benchmarks without background loops.
 * @returns a function that stops, after a last rollup
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
