import { type Queryable, sql } from "../database/index.js";
import { KEPT } from "./label-policy.js";

/** Which series are meant; what is undefined does not narrow. */
export interface SeriesFilter {
  readonly metric?: string | undefined;
  /** `owner/name`, or `owner/` for all of an owner's. */
  readonly repository?: string | undefined;
  readonly event?: string | undefined;
}

export interface SeriesGroup {
  readonly metric: string;
  /** `owner/name`, as it stands in the labels; null for metrics without. */
  readonly repository: string | null;
  readonly series: number;
}

const ALL = `(SELECT metric, labels FROM octogauge.counter_series UNION ALL SELECT metric, labels FROM octogauge.histogram_series)`;
const REPOSITORY = String.raw`substring(labels FROM '^owner="((?:[^"\\]|\\.)*)"') || '/' || substring(labels FROM '^owner="(?:[^"\\]|\\.)*",repo="((?:[^"\\]|\\.)*)"')`;
const EVENT = String.raw`substring(labels FROM '^event="((?:[^"\\]|\\.)*)"')`;

const MATCHES = `($1::text IS NULL OR metric = $1)
  AND ($2::text IS NULL OR lower(${REPOSITORY}) = lower($2) OR right($2, 1) = '/' AND starts_with(lower(${REPOSITORY}), lower($2)))
  AND ($3::text IS NULL OR ${EVENT} = $3)`;

const parameters = ({ metric, repository, event }: SeriesFilter): unknown[] => [metric, repository, event].map((value) => value ?? null);

/** Label sets by metric and repository, the most first. */
export async function countSeries(on: Queryable, filter: SeriesFilter, limit: number): Promise<SeriesGroup[]> {
  return sql(
    on,
    `SELECT metric, ${REPOSITORY} AS repository, count(*)::integer AS series FROM ${ALL} s WHERE ${MATCHES}
     GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT $4`,
    [...parameters(filter), limit],
  );
}

export async function countMatchingSeries(on: Queryable, filter: SeriesFilter): Promise<number> {
  const [row] = await sql<{ count: number }>(on, `SELECT count(*)::integer AS count FROM ${ALL} s WHERE ${MATCHES}`, parameters(filter));
  return row?.count ?? 0;
}

/** Whether a label set has no place in the budget: one that takes what is beyond it (LabelPolicy.folded). */
const UNBUDGETED = String.raw`regexp_replace(labels, '(^|,)(${[...KEPT].join("|")})="([^"\\]|\\.)*"', '', 'g') ~ '^(,?[a-z_]+="other")*$'`;

// The budgets are locked first, as a rollup does that adds series.
const PRUNE = `
  WITH locked AS MATERIALIZED (SELECT metric FROM octogauge.series_budget ORDER BY metric FOR UPDATE),
  counters AS (
    DELETE FROM octogauge.counter_series WHERE (SELECT count(*) FROM locked) >= 0 AND ${MATCHES} RETURNING metric, labels
  ), histograms AS (
    DELETE FROM octogauge.histogram_series WHERE (SELECT count(*) FROM locked) >= 0 AND ${MATCHES} RETURNING metric, labels
  ), gone AS (SELECT * FROM counters UNION ALL SELECT * FROM histograms
  ), freed AS (
    UPDATE octogauge.series_budget b SET used = greatest(0, b.used - g.count)
    FROM (SELECT metric, count(*) FROM gone WHERE NOT (${UNBUDGETED}) GROUP BY metric) g WHERE b.metric = g.metric
  )
  SELECT count(*)::integer AS count FROM gone`;

/** Deletes series, and gives their places in the budget back. @returns how many */
export async function pruneSeries(on: Queryable, filter: SeriesFilter): Promise<number> {
  const [row] = await sql<{ count: number }>(on, PRUNE, parameters(filter));
  return row?.count ?? 0;
}
