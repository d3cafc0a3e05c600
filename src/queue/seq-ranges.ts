/** Sequence numbers as a literal of PostgreSQL's int8multirange: those that follow each other are one range. */
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
 * @param ranges as PostgreSQL writes them: with their first number, and without their last
 * @returns whether a sequence number is in one of them
 */
export function within(ranges: readonly string[]): (seq: number) => boolean {
  const parsed = ranges.flatMap((some) => Array.from(some.matchAll(RANGE), ([, first, end]) => [Number(first), Number(end)] as const));
  return (seq) => parsed.some(([first, end]) => first <= seq && seq < end);
}
