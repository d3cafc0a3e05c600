const TICK_MS = 5;

let began = performance.now();
setInterval(() => (began = performance.now()), TICK_MS).unref();

/**
 * The latest time at which this iteration of the event loop began to poll sockets. An answer read in it had arrived by then, so the
 * measured latency excludes delays of this process.
 */
export function iterationBegan(): number {
  return Math.min(performance.now(), began + TICK_MS);
}
