import { type Queryable, sql } from "../database/sql.js";

/** Writes a tally down, in the transaction of `on`; once in it. */
export async function noteTally(on: Queryable, increments: string): Promise<void> {
  await sql(on, "INSERT INTO octogauge.tallies (increments) VALUES ($1)", [increments]);
}

/** Seconds. A scrape has 9 for all that it reads. */
const LOCK_TIMEOUT = 2;

// Who takes them at the same time is waited for, not skipped: what was committed before this statement is added up by the time it
// has been, by whomever.
const TAKE = `
  WITH taken AS (
    DELETE FROM octogauge.tallies WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM octogauge.tallies WHERE xid > $1::xid8 ORDER BY xid LIMIT $2 FOR UPDATE))
    RETURNING xid, increments
  )
  SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, xid::text, increments
  FROM (SELECT) AS always LEFT JOIN taken ON true ORDER BY taken.xid`;

const IMPATIENT = `SELECT set_config('lock_timeout', '${LOCK_TIMEOUT}s', true)`;

/** Tallies that this transaction has taken; a rollback puts them back. */
export interface Taken {
  /** In the order of the transactions that wrote them. */
  readonly tallies: readonly { readonly xid: string; readonly increments: string }[];
  /** The oldest transaction that was under way: what older ones have written down is there, or never will be. */
  readonly horizon: string;
}

/**
 * @param after of later transactions than this one
 * @param limit at most so many, the oldest
 * @throws where another transaction holds one of them, or later a series, for longer than 2 s
 */
export async function takeTallies(on: Queryable, after: string, limit: number): Promise<Taken> {
  await sql(on, IMPATIENT);
  const rows = await sql<{ horizon: string; xid: string | null; increments: string }>(on, TAKE, [after, limit]);
  const [first] = rows;
  if (!first) throw new Error("the tallies gave no answer");
  return { tallies: rows.flatMap(({ xid, increments }) => (xid === null ? [] : [{ xid, increments }])), horizon: first.horizon };
}
