import type { Increments } from "./increments.js";

/** By metric. A series of a histogram is its labels, sum, count and buckets. */
interface Written {
  readonly counters: Record<string, [labels: string, value: number][]>;
  readonly histograms: Record<string, WrittenHistograms[]>;
}

interface WrittenHistograms {
  readonly bounds: readonly number[];
  readonly series: [labels: string, sum: number, count: number, ...buckets: number[]][];
}

/** An index row of the series' tables takes 2,704 bytes (PostgreSQL: a third of a page of a B-tree), the metric's name included. */
const MOST_LABEL_BYTES = 2_600;
/** A UTF-16 unit becomes three bytes at most. */
const BYTES_EACH = 3;

/**
 * Increments as text, to be added up later.
 * @throws where a series could not be stored: nobody could add up what is written with it
 */
export function writeIncrements(increments: Increments): string {
  const written: Written = { counters: {}, histograms: {} };
  for (const { metric, labels, value } of increments.counters) (written.counters[metric] ??= []).push([storable(labels), value]);
  for (const { metric, labels, bounds, buckets, sum, count } of increments.histograms) {
    const ofMetric = (written.histograms[metric] ??= []);
    let alike = ofMetric.find((group) => group.bounds === bounds);
    if (!alike) ofMetric.push((alike = { bounds, series: [] }));
    alike.series.push([storable(labels), sum, count, ...buckets]);
  }
  return JSON.stringify(written);
}

/** Adds to `into` what {@link writeIncrements} wrote. */
export function readIncrements(text: string, into: Increments): void {
  const { counters, histograms } = JSON.parse(text) as Written;
  for (const [metric, series] of Object.entries(counters)) for (const [labels, value] of series) into.add(metric, labels, value);
  for (const [metric, groups] of Object.entries(histograms))
    for (const { bounds, series } of groups)
      for (const [labels, sum, count, ...buckets] of series) into.addHistogram(metric, labels, bounds, buckets, sum, count);
}

function storable(labels: string): string {
  if (labels.length * BYTES_EACH > MOST_LABEL_BYTES && Buffer.byteLength(labels) > MOST_LABEL_BYTES)
    throw new RangeError(`a series cannot be stored: its labels take more than ${MOST_LABEL_BYTES} bytes`);
  if (labels.includes("\0")) throw new RangeError("a series cannot be stored: PostgreSQL has no text with U+0000");
  return labels;
}
