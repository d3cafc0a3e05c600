/** Sequence numbers as a PostgreSQL int8multirange. Consecutive numbers form one range. */
export function rangesOf(seqs: readonly number[]): string {
  const ranges: string[] = [];
  const sorted = seqs.toSorted((a, b) => a - b);
  let first = sorted[0];
  for (const [index, seq] of sorted.entries()) {
    if (sorted[index + 1] === seq + 1) continue;
    ranges.push(`[${first},${seq}]`);
    first = sorted[index + 1];
  }
  return `{${ranges.join()}}`;
}

const RANGE = /\[(\d+),(\d+)\)/g;

/**
 * @param ranges in PostgreSQL's output form, with an exclusive upper bound
 * @returns a test whether a sequence number is in one of the ranges
 */
export function within(ranges: readonly string[]): (seq: number) => boolean {
  const parsed = ranges.flatMap((some) => Array.from(some.matchAll(RANGE), ([, first, end]) => [Number(first), Number(end)] as const));
  return (seq) => parsed.some(([first, end]) => first <= seq && seq < end);
}
