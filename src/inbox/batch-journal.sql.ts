import { uuidArray } from "../database/binary-array.js";
import { type Queryable, sql } from "../database/sql.js";

/** A dead worker's entry is of no use once its batch has been taken by others. */
const FORGET_AFTER = "1 day";

// One row for each worker, overwritten by its next batch. Its own commit: a rollback must not take it along, nor may it
// wait for the disk, since it only has to outlive the process.
// The ids of others are looked up in a hash of one's own: whether two arrays overlap (&&) takes the product of their lengths,
// which with batches of 1,000 was 4 ms for each other worker.
const BEGIN = `
  WITH mine AS (
    INSERT INTO octogauge.batch_journal AS j (worker, deliveries) VALUES ($1, $2::uuid[])
    ON CONFLICT (worker) DO UPDATE SET deliveries = excluded.deliveries, began_at = now()
  ), old AS (
    DELETE FROM octogauge.batch_journal WHERE worker IN (
      SELECT worker FROM octogauge.batch_journal WHERE began_at < now() - interval '${FORGET_AFTER}' AND worker <> $1 FOR UPDATE SKIP LOCKED)
  )
  SELECT DISTINCT id::text FROM octogauge.batch_journal j, unnest(j.deliveries) AS id
  WHERE j.worker <> $1 AND id = ANY ($2::uuid[])`;

/**
 * Writes down which deliveries a worker is about to process, outside their transaction.
 * @returns those that another worker had begun and neither finished nor gave back: it died of them, or beside them
 */
export async function beginBatch(on: Queryable, worker: string, ids: readonly string[]): Promise<string[]> {
  const rows = await sql<{ id: string }>(on, BEGIN, [worker, uuidArray(ids)]);
  return rows.map((row) => row.id);
}

/** Says that the worker gave its batch back in order: nobody need suspect it. */
export async function giveBatchBack(on: Queryable, worker: string): Promise<void> {
  await sql(on, "DELETE FROM octogauge.batch_journal WHERE worker = $1", [worker]);
}

/** Acquits these deliveries: their attempts are counted elsewhere from now on. */
export async function strikeOut(on: Queryable, ids: readonly string[]): Promise<void> {
  await sql(
    on,
    `UPDATE octogauge.batch_journal SET deliveries = ARRAY(SELECT unnest(deliveries) EXCEPT SELECT unnest($1::uuid[]))
     WHERE deliveries && $1::uuid[]`,
    [uuidArray(ids)],
  );
}
