import { type Queryable, sql } from "../database/index.js";

/** Inserts a delta in the transaction of `on`. Call it once per transaction. */
export async function recordDelta(on: Queryable, increments: string): Promise<void> {
  await sql(on, "INSERT INTO octogauge.tallies (increments) VALUES ($1)", [increments]);
}

/** A scrape has 9 s for all its reads (metrics/scrape.ts). */
const LOCK_TIMEOUT_SECONDS = 2;

// A concurrent rollup is waited for, not skipped. So when this statement ends, all deltas committed before it are taken,
// by this rollup or by another.
const TAKE = `
  WITH found AS MATERIALIZED (
    SELECT ctid AS place, xid, octet_length(increments) AS bytes FROM octogauge.tallies WHERE xid > $1::xid8 ORDER BY xid LIMIT $2 FOR UPDATE
  ), fitting AS (
    SELECT place FROM (SELECT place, sum(bytes) OVER (ORDER BY xid) - bytes AS before FROM found) s WHERE before < $3
  ), taken AS (
    DELETE FROM octogauge.tallies WHERE ctid = ANY (ARRAY(SELECT place FROM fitting)) RETURNING xid, increments
  )
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, (SELECT count(*) FROM found)::integer AS found, xid::text, increments
  FROM (SELECT) AS always LEFT JOIN taken ON true ORDER BY taken.xid`;

const SET_LOCK_TIMEOUT = `SELECT set_config('lock_timeout', '${LOCK_TIMEOUT_SECONDS}s', true)`;

/** Deltas that this transaction deleted and returned; a rollback restores them. */
export interface TakenDeltas {
  /** In the order of the transactions that wrote them. */
  readonly deltas: readonly { readonly xid: string; readonly increments: string }[];
  /** The oldest transaction in progress. Deltas of older transactions are committed, or never will be. */
  readonly horizon: string;
  /** Whether more deltas may be left. */
  readonly hasMore: boolean;
}

/** Limits of one batch: the number for small deltas, the bytes for the large deltas of a backlog. */
const BATCH_LIMIT = { deltas: 512, bytes: 4_194_304 };

/**
 * Takes the oldest deltas, at most {@link BATCH_LIMIT}.
 * @param after only deltas of transactions after this id
 * @throws if another transaction locks a delta, or later a series, for longer than LOCK_TIMEOUT_SECONDS
 */
export async function takeDeltas(on: Queryable, after: string): Promise<TakenDeltas> {
  await sql(on, SET_LOCK_TIMEOUT);
  const rows = await sql<{ horizon: string; found: number; xid: string | null; increments: string }>(on, TAKE, [
    after,
    BATCH_LIMIT.deltas,
    BATCH_LIMIT.bytes,
  ]);
  const [first] = rows;
  if (!first) throw new Error("octogauge.tallies: the query returned no row");
  const deltas = rows.flatMap(({ xid, increments }) => (xid === null ? [] : [{ xid, increments }]));
  return { deltas, horizon: first.horizon, hasMore: first.found === BATCH_LIMIT.deltas || deltas.length < first.found };
}
