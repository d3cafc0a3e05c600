import type { RawBody } from "./raw-body.js";

/** Window in which a body must keep BODY_MIN_RATE. A single lost packet can delay a good sender by a second. */
const WINDOW_MS = 2_000;

/** Limits for reading a body and answering. */
export interface BodyTimes {
  /** Seconds until the answer. */
  readonly REQUEST_TIMEOUT: number;
  /** Bytes a second, while the body is read. */
  readonly BODY_MIN_RATE: number;
}

/**
 * Stops a body that is too slow or not complete in time. Each delivery has one timer, which seldom fires.
 * @param late called once if the time is over after the body was complete
 * @returns a function to call when the delivery is answered
 */
export function watchBody(body: RawBody, { REQUEST_TIMEOUT, BODY_MIN_RATE }: BodyTimes, late: () => void): () => void {
  const end = performance.now() + REQUEST_TIMEOUT * 1_000;
  const minBytes = (BODY_MIN_RATE * WINDOW_MS) / 1_000;
  let bytesBefore = 0;
  let timer = next();
  function next(): NodeJS.Timeout {
    const leftMs = end - performance.now();
    // Check the rate only after a full window; the timeout ends a shorter one.
    return body.isOpen && leftMs > WINDOW_MS ? setTimeout(windowEnded, WINDOW_MS) : setTimeout(timeout, leftMs);
  }
  function windowEnded(): void {
    // Check after the pending reads, so that bytes which arrived while the process was busy count.
    setImmediate(checkRate);
    timer = next();
  }
  function checkRate(): void {
    if (body.bytes - bytesBefore < minBytes) body.stop("too-slow");
    bytesBefore = body.bytes;
  }
  function timeout(): void {
    if (body.isOpen) body.stop("late");
    else late();
  }
  return () => clearTimeout(timer);
}
