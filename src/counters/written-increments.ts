import type { Increments } from "./increments.js";

/** Serialized increments by metric. */
interface Written {
  readonly counters: Record<string, [labels: string, value: number][]>;
  readonly histograms: Record<string, WrittenHistograms[]>;
}

interface WrittenHistograms {
  readonly bounds: readonly number[];
  readonly series: [labels: string, sum: number, count: number, ...buckets: number[]][];
}

/** PostgreSQL limits an index row to 2,704 bytes (a third of a B-tree page); the row also holds the metric's name. */
const MAX_LABEL_BYTES = 2_600;
/** Of UTF-8. */
const MAX_BYTES_PER_UTF16_UNIT = 3;

/**
 * Serializes increments for the rollup.
 * @throws if a series cannot be stored, because it would make the rollup fail
 */
export function writeIncrements(increments: Increments): string {
  const written: Written = { counters: {}, histograms: {} };
  for (const { metric, labels, value } of increments.counters) (written.counters[metric] ??= []).push([storable(labels), value]);
  for (const { metric, labels, bounds, buckets, sum, count } of increments.histograms) {
    const ofMetric = (written.histograms[metric] ??= []);
    let group = ofMetric.find((candidate) => candidate.bounds === bounds);
    if (!group) ofMetric.push((group = { bounds, series: [] }));
    group.series.push([storable(labels), sum, count, ...buckets]);
  }
  return JSON.stringify(written);
}

/** Adds increments serialized by {@link writeIncrements} to `into`. */
export function readIncrements(text: string, into: Increments): void {
  const { counters, histograms } = JSON.parse(text) as Written;
  for (const [metric, series] of Object.entries(counters)) for (const [labels, value] of series) into.add(metric, labels, value);
  for (const [metric, groups] of Object.entries(histograms))
    for (const { bounds, series } of groups)
      for (const [labels, sum, count, ...buckets] of series) into.addHistogram(metric, labels, bounds, buckets, sum, count);
}

function storable(labels: string): string {
  if (labels.length * MAX_BYTES_PER_UTF16_UNIT > MAX_LABEL_BYTES && Buffer.byteLength(labels) > MAX_LABEL_BYTES)
    throw new RangeError(`cannot store the series: its labels are longer than ${MAX_LABEL_BYTES} bytes`);
  if (labels.includes("\0"))
    throw new RangeError("cannot store the series: its labels contain U+0000, which PostgreSQL does not allow in text");
  return labels;
}
