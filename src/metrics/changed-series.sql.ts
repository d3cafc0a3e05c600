import { type Queryable, sql } from "../database/index.js";

/** Up to where a table of series was read. */
export interface Horizon {
  /** Which table of which database, and since when its server has run without a crash. */
  readonly origin: string;
  /** The oldest transaction that was under way then: what those before it wrote has been seen, whatever became of them. */
  readonly xid: string;
}

/** A series with its lines of the exposition, each ended by a line feed. */
export interface SeriesText {
  readonly metric: string;
  /** Exposition text, see counters/labels.ts. */
  readonly labels: string;
  readonly lines: string;
}

/** What a table of series has that a horizon may not have seen. */
export interface Changes {
  readonly horizon: Horizon;
  /** Series in the table, changed or not. */
  readonly count: number;
  /** By metric and labels. */
  readonly changed: readonly SeriesText[];
}

export type SeriesTable = "counter_series" | "histogram_series";

const LINES: Readonly<Record<SeriesTable, string>> = {
  counter_series: `metric || '{' || labels || '} ' || value || E'\\n'`,
  histogram_series: `
    (SELECT string_agg(metric || '_bucket{' || labels || ',le="' || b.bound || '"} ' || b.bucket, E'\\n')
     FROM unnest(bounds, buckets) AS b(bound, bucket))
    || E'\\n' || metric || '_bucket{' || labels || ',le="+Inf"} ' || count
    || E'\\n' || metric || '_sum{' || labels || '} ' || sum
    || E'\\n' || metric || '_count{' || labels || '} ' || count || E'\\n'`,
};

// A version of a row that a snapshot did not see was written by a transaction that it did not see the end of: that is the oldest
// one under way then, or a later one. So it is enough to look at the writer of each version (its xmin), which costs no column and
// no index; PostgreSQL keeps it when it freezes a row. Both ages count from the same transaction, and so compare around the
// end of the numbers. Where numbers are given out anew, all is read: a server that was replaced or restored has another start, one
// that recovered from a crash of one of its processes has new statistics, and a database that was restored has another number.
const changesOf = (table: SeriesTable) => `
  WITH now AS MATERIALIZED (
    SELECT concat_ws(' ', (SELECT oid FROM pg_database WHERE datname = current_database()), 'octogauge.${table}'::regclass::oid,
        pg_postmaster_start_time(), pg_stat_get_bgwriter_stat_reset_time()) AS origin,
      pg_snapshot_xmin(pg_current_snapshot())::xid::text AS xid
  )
  SELECT origin, xid, (SELECT count(*) FROM octogauge.${table})::float8 AS count, NULL AS metric, NULL AS labels, NULL AS lines FROM now
  UNION ALL (
    SELECT NULL, NULL, NULL, metric, labels, ${LINES[table]} FROM octogauge.${table} s
    WHERE $1::text IS DISTINCT FROM (SELECT origin FROM now) OR age(s.xmin) <= age($2::xid)
    ORDER BY metric, labels)`;

const CHANGES: Readonly<Record<SeriesTable, string>> = {
  counter_series: changesOf("counter_series"),
  histogram_series: changesOf("histogram_series"),
};

type Row = (SeriesText & { readonly origin: null }) | (Horizon & { readonly count: number });

/** By one snapshot. @param since undefined: all of it, as of another origin */
export async function readChanges(on: Queryable, table: SeriesTable, since: Horizon | undefined): Promise<Changes> {
  const rows = await sql<Row>(on, CHANGES[table], [since?.origin ?? null, since?.xid ?? null]);
  const head = rows.find((row) => row.origin !== null);
  if (!head) throw new Error(`nothing is said of ${table}`);
  const { origin, xid, count } = head;
  return { horizon: { origin, xid }, count, changed: rows.filter((row) => row.origin === null) };
}
