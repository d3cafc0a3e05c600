/** How far the two clocks may be apart before the wall's counts: it was set, or the machine slept. Milliseconds. */
const MOST_DRIFT = 50;

let offset = Date.now() - performance.now();

/** Milliseconds since 1970 with their fractions: a span may take less than one. */
export function now(): number {
  const wall = Date.now();
  const time = performance.now() + offset;
  if (Math.abs(wall - time) < MOST_DRIFT) return time;
  offset = wall - performance.now();
  return wall;
}
