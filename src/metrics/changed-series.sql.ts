import { type Queryable, sql } from "../database/index.js";

/** Read position of a series table. */
export interface Horizon {
  /** Identifies the table, its database and the start of its server; a change requires a full read. */
  readonly origin: string;
  /** The oldest transaction in progress at the read. Writes of older transactions are already read. */
  readonly xid: string;
}

/** A series with its lines of the exposition, each ended by a line feed. */
export interface SeriesText {
  readonly metric: string;
  /** Exposition text, see counters/labels.ts. */
  readonly labels: string;
  readonly lines: string;
}

/** Series that may have changed since a horizon. */
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

// A row version that the last snapshot did not see has an xmin of at least that snapshot's oldest transaction, so comparing xmin
// finds all changes without an extra column or index. age() makes the comparison safe across transaction id wraparound.
// `origin` changes when transaction ids can restart: after a server restart, a crash recovery, or a restore of the database.
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

/** Reads in one snapshot. @param since undefined to read the whole table */
export async function readChanges(on: Queryable, table: SeriesTable, since: Horizon | undefined): Promise<Changes> {
  const rows = await sql<Row>(on, CHANGES[table], [since?.origin ?? null, since?.xid ?? null]);
  const head = rows.find((row) => row.origin !== null);
  if (!head) throw new Error(`octogauge.${table}: the query returned no row`);
  const { origin, xid, count } = head;
  return { horizon: { origin, xid }, count, changed: rows.filter((row) => row.origin === null) };
}
