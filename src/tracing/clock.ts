/** Beyond this difference the wall clock counts: it was set, or the machine slept. */
const MAX_DRIFT_MS = 50;

let offset = Date.now() - performance.now();

/** Milliseconds since 1970, with fractions: a span may take less than a millisecond. */
export function now(): number {
  const wall = Date.now();
  const time = performance.now() + offset;
  if (Math.abs(wall - time) < MAX_DRIFT_MS) return time;
  offset = wall - performance.now();
  return wall;
}
