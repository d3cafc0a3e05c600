import { type Queryable, sql } from "../database/index.js";

/** A dead worker's entry is of no use once its batch has been taken by others. */
const FORGET_AFTER = "1 day";

// Its own commit: a rollback must not take it along, nor may it wait for the disk, since it only has to outlive the process.
// A worker's own entries are over when it begins the next batch.
const BEGIN = `
  WITH mine AS (
    INSERT INTO octogauge.begun_batches (worker, seqs) VALUES ($1, $2)
  ), in_sight AS MATERIALIZED (
    SELECT xid, seqs * $2::int8multirange AS common, worker = $1 OR began_at < now() - interval '${FORGET_AFTER}' AS is_over
    FROM octogauge.begun_batches WHERE xid >= $3::xid8 OR xid = ANY ($4::xid8[])
  ), gone AS (
    DELETE FROM octogauge.begun_batches WHERE xid = ANY (ARRAY(
      SELECT b.xid FROM octogauge.begun_batches b JOIN in_sight s ON b.xid = s.xid WHERE s.is_over FOR UPDATE OF b SKIP LOCKED))
  )
  SELECT pg_current_xact_id()::text AS mine, pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, xid::text AS other, common::text
  FROM (SELECT) AS always LEFT JOIN in_sight ON NOT is_over`;

/** What a worker saw of the journal when it began its last batch. */
export interface JournalSnapshot {
  /** Older transactions have no entries but those that are known. */
  readonly since: string;
  readonly known: readonly string[];
}

/** An entry of the journal is named by the transaction that wrote it. */
export interface Begun {
  readonly mine: string;
  /** The oldest transaction that was under way: what older ones wrote is among the others, or gone. */
  readonly horizon: string;
  readonly others: readonly {
    readonly name: string;
    /** Ranges of sequence numbers that it has in common with mine. */ readonly common: string;
  }[];
}

/**
 * Writes down which rows of the inbox a worker is about to process; its entries of before are over.
 * @param seqs ranges of sequence numbers (seq-ranges.ts)
 */
export async function beginBatch(on: Queryable, worker: string, seqs: string, { since, known }: JournalSnapshot): Promise<Begun> {
  const rows = await sql<{ mine: string; horizon: string; other: string | null; common: string }>(on, BEGIN, [worker, seqs, since, known]);
  const [first] = rows;
  if (!first) throw new Error("the journal gave no answer");
  return {
    mine: first.mine,
    horizon: first.horizon,
    others: rows.flatMap(({ other, common }) => (other === null ? [] : [{ name: other, common }])),
  };
}

/** Says that the worker gave its batch back in order: nobody need suspect it. */
export async function giveBatchBack(on: Queryable, worker: string, { since, known }: JournalSnapshot): Promise<void> {
  await sql(on, "DELETE FROM octogauge.begun_batches WHERE worker = $1 AND (xid >= $2::xid8 OR xid = ANY ($3::xid8[]))", [
    worker,
    since,
    known,
  ]);
}
