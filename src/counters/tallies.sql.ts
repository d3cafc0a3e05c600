import { type Queryable, sql } from "../database/sql.js";

/** Writes a tally down, in the transaction of `on`. */
export async function noteTally(on: Queryable, increments: string): Promise<void> {
  await sql(on, "INSERT INTO octogauge.tallies (increments) VALUES ($1)", [increments]);
}

// Who takes them at the same time is waited for, not skipped: what was committed before this statement is added up by the time it
// has been, by whomever. It need not wait for the disk: a crash that loses this loses all of it, and the tallies are there again.
const TAKE = `
  WITH taken AS (
    DELETE FROM octogauge.tallies WHERE ctid = ANY (ARRAY(
      SELECT ctid FROM octogauge.tallies WHERE xid >= $1::xid8 ORDER BY xid LIMIT $2 FOR UPDATE))
    RETURNING increments
  )
  SELECT horizon, increments
  FROM (SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, set_config('synchronous_commit', 'off', true)) AS now
  LEFT JOIN taken ON true`;

/** Tallies that this transaction has taken; a rollback puts them back. */
export interface Taken {
  readonly tallies: readonly string[];
  /** The oldest transaction that was under way: what is written down by older ones is there, or never will be. */
  readonly horizon: string;
}

/** @param since no transaction before this one has tallies that are there @param limit at most so many */
export async function takeTallies(on: Queryable, since: string, limit: number): Promise<Taken> {
  const rows = await sql<{ horizon: string; increments: string | null }>(on, TAKE, [since, limit]);
  return {
    tallies: rows.flatMap(({ increments }) => (increments === null ? [] : [increments])),
    horizon: rows[0]?.horizon ?? since,
  };
}
