import type { RawBody } from "./raw-body.js";

/** A body has to bring its minimum in each such time. A lost packet alone can hold a good sender up for a second. */
const WINDOW_MS = 2_000;

/** The times that a delivery is given. */
export interface BodyTimes {
  /** Seconds for all of it. */
  readonly REQUEST_TIMEOUT: number;
  /** Bytes a second, while the body is read. */
  readonly BODY_MIN_RATE: number;
}

/**
 * Stops a body that makes no steady progress or is not whole in time. One timer for each delivery, and for nearly all of
 * them it is never due.
 * @param late called once if the time is over and the body was whole
 * @returns call it when the delivery is answered
 */
export function watchBody(body: RawBody, { REQUEST_TIMEOUT, BODY_MIN_RATE }: BodyTimes, late: () => void): () => void {
  const end = performance.now() + REQUEST_TIMEOUT * 1_000;
  const leastBytes = (BODY_MIN_RATE * WINDOW_MS) / 1_000;
  let before = 0;
  let timer = next();
  function next(): NodeJS.Timeout {
    const leftMs = end - performance.now();
    // Only a whole window is judged. The time-out ends a shorter one.
    return body.isOpen && leftMs > WINDOW_MS ? setTimeout(window, WINDOW_MS) : setTimeout(timeout, leftMs);
  }
  function window(): void {
    // After the pending reads: bytes that arrived while the process was busy count.
    setImmediate(judge);
    timer = next();
  }
  function judge(): void {
    if (body.bytes - before < leastBytes) body.stop("too-slow");
    before = body.bytes;
  }
  function timeout(): void {
    if (body.isOpen) body.stop("late");
    else late();
  }
  return () => clearTimeout(timer);
}
