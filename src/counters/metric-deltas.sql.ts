import { type Queryable, sql } from "../database/index.js";

/** Writes a delta down, in the transaction of `on`; once in it. */
export async function recordDelta(on: Queryable, increments: string): Promise<void> {
  await sql(on, "INSERT INTO octogauge.tallies (increments) VALUES ($1)", [increments]);
}

/** Seconds. A scrape has 9 for all that it reads. */
const LOCK_TIMEOUT = 2;

// Who takes them at the same time is waited for, not skipped: what was committed before this statement is added up by the time it
// has been, by whomever.
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

const IMPATIENT = `SELECT set_config('lock_timeout', '${LOCK_TIMEOUT}s', true)`;

/** Tallies that this transaction has taken; a rollback puts them back. */
export interface TakenDeltas {
  /** In the order of the transactions that wrote them. */
  readonly tallies: readonly { readonly xid: string; readonly increments: string }[];
  /** The oldest transaction that was under way: what older ones have written down is there, or never will be. */
  readonly horizon: string;
  /** Whether there may be more. */
  readonly isPart: boolean;
}

/** So many come to a few hundred kilobytes where batches are small, and are cut off by their bytes where there is a backlog. */
const AT_ONCE = { tallies: 512, bytes: 4_194_304 };

/**
 * Takes the oldest of them, at most {@link AT_ONCE}.
 * @param after of later transactions than this one
 * @throws where another transaction holds one of them, or later a series, for longer than 2 s
 */
export async function takeTallies(on: Queryable, after: string): Promise<TakenDeltas> {
  await sql(on, IMPATIENT);
  const rows = await sql<{ horizon: string; found: number; xid: string | null; increments: string }>(on, TAKE, [
    after,
    AT_ONCE.tallies,
    AT_ONCE.bytes,
  ]);
  const [first] = rows;
  if (!first) throw new Error("the tallies gave no answer");
  const tallies = rows.flatMap(({ xid, increments }) => (xid === null ? [] : [{ xid, increments }]));
  return { tallies, horizon: first.horizon, isPart: first.found === AT_ONCE.tallies || tallies.length < first.found };
}
