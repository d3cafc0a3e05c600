const TURN_MS = 5;

let began = performance.now();
setInterval(() => (began = performance.now()), TURN_MS).unref();

/**
 * When this turn of the event loop began to wait for sockets, at the latest. What is read in this turn was there by then, whatever
 * else we had to read before it: a sender on a busy machine must not take its own delay for the receiver's.
 */
export function turnBegan(): number {
  return Math.min(performance.now(), began + TURN_MS);
}
