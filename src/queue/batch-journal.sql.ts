import { type Queryable, sql } from "../database/index.js";

/** Entries of crashed workers are deleted after this time. By then other workers have processed the batch. */
const RETENTION = "1 day";

// The entry has its own transaction, so that a rollback of the batch does not remove it. The table is unlogged, because an
// entry only has to outlive its process, not a crash of the server.
// When a worker begins a batch, its earlier entries are obsolete.
const BEGIN = `
  WITH mine AS (
    INSERT INTO octogauge.begun_batches (worker, seqs) VALUES ($1, $2)
  ), in_sight AS MATERIALIZED (
    SELECT xid, seqs * $2::int8multirange AS common, worker = $1 OR began_at < now() - interval '${RETENTION}' AS is_over
    FROM octogauge.begun_batches WHERE xid >= $3::xid8 OR xid = ANY ($4::xid8[])
  ), gone AS (
    DELETE FROM octogauge.begun_batches WHERE xid = ANY (ARRAY(
      SELECT b.xid FROM octogauge.begun_batches b JOIN in_sight s ON b.xid = s.xid WHERE s.is_over FOR UPDATE OF b SKIP LOCKED))
  )
  SELECT pg_current_xact_id()::text AS mine, pg_snapshot_xmin(pg_current_snapshot())::text AS horizon, xid::text AS other, common::text
  FROM (SELECT) AS always LEFT JOIN in_sight ON NOT is_over`;

/** The entries that a worker knew when it began its last batch. An entry is identified by the transaction that wrote it. */
export interface JournalSnapshot {
  /** Of all older transactions, only those in `known` still have an entry. */
  readonly since: string;
  readonly known: readonly string[];
}

/** A new entry, and the entries of other workers. */
export interface BegunBatch {
  readonly mine: string;
  /** The oldest running transaction. All entries of older transactions are in `others`, or deleted. */
  readonly horizon: string;
  readonly others: readonly {
    readonly name: string;
    /** Ranges of sequence numbers that are also in the new entry. */
    readonly common: string;
  }[];
}

/**
 * Writes the rows of the inbox that a worker is about to process, and deletes its earlier entries.
 * @param seqs ranges of sequence numbers (seq-ranges.ts)
 */
export async function beginBatch(on: Queryable, worker: string, seqs: string, { since, known }: JournalSnapshot): Promise<BegunBatch> {
  const rows = await sql<{ mine: string; horizon: string; other: string | null; common: string }>(on, BEGIN, [worker, seqs, since, known]);
  const [first] = rows;
  if (!first) throw new Error("the journal query returned no row");
  return {
    mine: first.mine,
    horizon: first.horizon,
    others: rows.flatMap(({ other, common }) => (other === null ? [] : [{ name: other, common }])),
  };
}

/** Deletes the entries of a worker that gave its batch back, so that its deliveries do not count as orphaned. */
export async function giveBatchBack(on: Queryable, worker: string, { since, known }: JournalSnapshot): Promise<void> {
  await sql(on, "DELETE FROM octogauge.begun_batches WHERE worker = $1 AND (xid >= $2::xid8 OR xid = ANY ($3::xid8[]))", [
    worker,
    since,
    known,
  ]);
}
