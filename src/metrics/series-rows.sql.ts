import { type Queryable, sql } from "../database/index.js";

export interface CounterRow {
  readonly metric: string;
  /** Exposition text, see counters/labels.ts. */
  readonly labels: string;
  readonly value: number;
}

export interface HistogramRow extends Omit<CounterRow, "value"> {
  /** Seconds. */
  readonly bounds: readonly number[];
  /** Cumulative, as text for exactness. */
  readonly buckets: readonly string[];
  readonly sum: number;
  readonly count: number;
}

/** The rows of some counters, for expositions under other names. */
export async function counterRows(on: Queryable, metrics: readonly string[]): Promise<CounterRow[]> {
  return sql(
    on,
    "SELECT metric, labels, value::float8 AS value FROM octogauge.counter_series WHERE metric = ANY($1::text[]) ORDER BY metric, labels",
    [metrics],
  );
}

/** The rows of some histograms, for expositions under other names. */
export async function histogramRows(on: Queryable, metrics: readonly string[]): Promise<HistogramRow[]> {
  return sql(
    on,
    "SELECT metric, labels, bounds, buckets, sum, count::float8 AS count FROM octogauge.histogram_series WHERE metric = ANY($1::text[]) ORDER BY metric, labels",
    [metrics],
  );
}
