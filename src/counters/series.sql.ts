import { float8Array, int8Array, type Queryable, sql, textArray } from "../database/index.js";
import type { CounterIncrement, HistogramIncrement } from "./increments.js";

// Sorted keys: any two workers lock shared series in the same order, so neither waits for the other in a circle.
const ADD_COUNTERS = `
  INSERT INTO octogauge.counter_series AS c (metric, labels, value)
  SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[]) AS u(metric, labels, value)
  ORDER BY u.metric COLLATE "C", u.labels COLLATE "C"
  ON CONFLICT (metric, labels) DO UPDATE SET value = c.value + excluded.value`;

export async function addCounters(on: Queryable, increments: readonly CounterIncrement[]): Promise<void> {
  if (increments.length === 0) return;
  await sql(on, ADD_COUNTERS, [
    textArray(increments.map((increment) => increment.metric)),
    textArray(increments.map((increment) => increment.labels)),
    int8Array(increments.map((increment) => increment.value)),
  ]);
}

// Bounds seldom change, and a function call for each row would cost more than all the rest of the statement.
const ADD_HISTOGRAMS = `
  INSERT INTO octogauge.histogram_series AS h (metric, labels, bounds, buckets, sum, count)
  SELECT u.metric, u.labels, u.bounds::float8[], u.buckets::bigint[], u.sum, u.count
  FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::float8[], $6::bigint[]) AS u(metric, labels, bounds, buckets, sum, count)
  ORDER BY u.metric COLLATE "C", u.labels COLLATE "C"
  ON CONFLICT (metric, labels) DO UPDATE SET
    bounds = excluded.bounds,
    buckets = CASE WHEN h.bounds = excluded.bounds
      THEN (SELECT array_agg(b.old + b.new) FROM unnest(h.buckets, excluded.buckets) AS b(old, new))
      ELSE octogauge.add_buckets(h.bounds, h.buckets, excluded.bounds, excluded.buckets) END,
    sum = h.sum + excluded.sum,
    count = h.count + excluded.count`;

export async function addHistograms(on: Queryable, increments: readonly HistogramIncrement[]): Promise<void> {
  if (increments.length === 0) return;
  await sql(on, ADD_HISTOGRAMS, [
    textArray(increments.map((increment) => increment.metric)),
    textArray(increments.map((increment) => increment.labels)),
    textArray(increments.map((increment) => `{${increment.bounds.join(",")}}`)),
    textArray(increments.map((increment) => `{${increment.buckets.join(",")}}`)),
    float8Array(increments.map((increment) => increment.sum)),
    int8Array(increments.map((increment) => increment.count)),
  ]);
}

// LATERAL with LIMIT: one index probe for each key, whatever the planner thinks of a table that has just begun to grow.
const KNOWN = `
  SELECT u.metric, u.labels FROM unnest($1::text[], $2::text[]) AS u(metric, labels), LATERAL (
    SELECT 1 FROM octogauge.counter_series s WHERE s.metric = u.metric COLLATE "C" AND s.labels = u.labels COLLATE "C"
    UNION ALL
    SELECT 1 FROM octogauge.histogram_series s WHERE s.metric = u.metric COLLATE "C" AND s.labels = u.labels COLLATE "C"
    LIMIT 1) found`;

export interface SeriesKey {
  readonly metric: string;
  readonly labels: string;
}

/** Which of these series, counters or histograms, have a row. */
export async function knownSeries(on: Queryable, keys: readonly SeriesKey[]): Promise<SeriesKey[]> {
  if (keys.length === 0) return [];
  return sql<SeriesKey>(on, KNOWN, [textArray(keys.map((key) => key.metric)), textArray(keys.map((key) => key.labels))]);
}

// Their labels begin with the sharer's and a comma, which is followed by a hyphen in the order of "C".
const SHARES = `
  SELECT u.metric, u.sharer, (
    (SELECT count(*) FROM octogauge.counter_series s
      WHERE s.metric = u.metric COLLATE "C" AND s.labels >= (u.sharer || ',') COLLATE "C" AND s.labels < (u.sharer || '-') COLLATE "C")
    + (SELECT count(*) FROM octogauge.histogram_series s
      WHERE s.metric = u.metric COLLATE "C" AND s.labels >= (u.sharer || ',') COLLATE "C" AND s.labels < (u.sharer || '-') COLLATE "C")
    )::integer AS count
  FROM unnest($1::text[], $2::text[]) AS u(metric, sharer)`;

/** How many label sets of a metric begin with those of a sharer (share.ts). */
export async function countShares(
  on: Queryable,
  shares: readonly { readonly metric: string; readonly sharer: string }[],
): Promise<{ metric: string; sharer: string; count: number }[]> {
  if (shares.length === 0) return [];
  return sql(on, SHARES, [textArray(shares.map(({ metric }) => metric)), textArray(shares.map(({ sharer }) => sharer))]);
}

// The upsert takes the row lock: whoever adds label sets to a metric waits for those who do so now.
const LOCK_BUDGETS = `
  INSERT INTO octogauge.series_budget AS b (metric, used)
  SELECT metric, 0 FROM unnest($1::text[]) AS u(metric) ORDER BY metric COLLATE "C"
  ON CONFLICT (metric) DO UPDATE SET used = b.used
  RETURNING metric, used`;

/** Label sets in use by metric; locked until the transaction ends. */
export async function lockBudgets(on: Queryable, metrics: readonly string[]): Promise<Map<string, number>> {
  const rows = await sql<{ metric: string; used: number }>(on, LOCK_BUDGETS, [textArray(metrics)]);
  return new Map(rows.map((row) => [row.metric, row.used]));
}

const SPEND = `
  UPDATE octogauge.series_budget b SET used = b.used + u.spent
  FROM unnest($1::text[], $2::bigint[]) AS u(metric, spent) WHERE b.metric = u.metric COLLATE "C"`;

export async function spendBudgets(on: Queryable, spent: ReadonlyMap<string, number>): Promise<void> {
  if (spent.size > 0) await sql(on, SPEND, [textArray([...spent.keys()]), int8Array([...spent.values()])]);
}
