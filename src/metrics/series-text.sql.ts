import { type Queryable, sql } from "../database/sql.js";

// PostgreSQL builds the text: in an experiment, building 20k series in the process blocked its event loop for about
// 90 ms at every scrape, and took the acknowledgement's p99 from 13 to 113 ms.
const COUNTERS_TEXT = `
  SELECT metric, string_agg(metric || '{' || labels || '} ' || value, E'\\n' ORDER BY metric, labels) || E'\\n' AS text
  FROM octogauge.counter_series GROUP BY metric`;

const HISTOGRAMS_TEXT = `
  SELECT metric, string_agg(
    (SELECT string_agg(metric || '_bucket{' || labels || ',le="' || b.bound || '"} ' || b.bucket, E'\\n')
     FROM unnest(bounds, buckets) AS b(bound, bucket))
    || E'\\n' || metric || '_bucket{' || labels || ',le="+Inf"} ' || count
    || E'\\n' || metric || '_sum{' || labels || '} ' || sum
    || E'\\n' || metric || '_count{' || labels || '} ' || count, E'\\n' ORDER BY labels) || E'\\n' AS text
  FROM octogauge.histogram_series GROUP BY metric`;

/** Exposition lines by metric name. */
export async function counterLines(on: Queryable): Promise<Map<string, string>> {
  const rows = await sql<{ metric: string; text: string }>(on, COUNTERS_TEXT);
  return new Map(rows.map((row) => [row.metric, row.text]));
}

/** Exposition lines by metric name. */
export async function histogramLines(on: Queryable): Promise<Map<string, string>> {
  const rows = await sql<{ metric: string; text: string }>(on, HISTOGRAMS_TEXT);
  return new Map(rows.map((row) => [row.metric, row.text]));
}
