import { boolArray, int2Array, int4Array, int8Array, textArray, timestamptzArray, utf8Array, uuidArray } from "../database/binary-array.js";
import { type Queryable, sql } from "../database/sql.js";
import type { Delivery } from "./delivery.js";
import { offsetsOf, packOf } from "./pack.js";

/** A delivery with its stored projection (see projection/). */
export interface Pending {
  readonly delivery: Delivery;
  readonly projection: Buffer | null;
  /** Its lane (lanes.ts). */
  readonly priority: number;
  /** When it began to wait for its flush, by tracing/clock.ts, where it is traced. */
  readonly since?: number | undefined;
}

// One statement is one transaction: the unique ids and the payloads are stored together or not at all.
// ON CONFLICT waits for a concurrent transaction with the same id, so "duplicate" means committed by somebody.
// least() passes over nulls: what came just now has no time of its own, and no clock of a gateway makes one of the future.
const ACCEPT = `
  WITH input AS MATERIALIZED (
    SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::text[], $4::bigint[], $5::boolean[], $6::text[], $7::timestamptz[], $8::text[], $9::integer[], $10::integer[])
      AS t(delivery_id, priority, event, hook_id, form, projection, received_at, traceparent, pack_offset, bytes)
  ), fresh AS (
    INSERT INTO octogauge.delivery_ledger (delivery_id, traceparent)
    SELECT delivery_id, traceparent FROM input
    ON CONFLICT DO NOTHING
    RETURNING delivery_id
  ), payloads AS (
    INSERT INTO octogauge.payload_packs (bytes) SELECT $11::bytea WHERE EXISTS (SELECT FROM fresh) RETURNING pack
  ), stored AS (
    INSERT INTO octogauge.inbox (priority, delivery_id, event, hook_id, form, projection, received_at, traceparent, pack, pack_offset, bytes)
    SELECT priority, delivery_id, event, hook_id, form, projection, least(received_at, now()), traceparent, pack, pack_offset, bytes
    FROM input JOIN fresh USING (delivery_id) CROSS JOIN payloads
  )
  SELECT delivery_id::text AS id FROM fresh`;

/**
 * Stores a batch, each id once.
 * @param batch of distinct ids, sorted by id: two replicas that get the same ids then wait for each other in the same order
 * @returns the ids that were new
 */
export async function acceptBatch(on: Queryable, batch: readonly Pending[]): Promise<Set<string>> {
  const bodies = batch.map(({ delivery }) => delivery.body);
  const pack = await packOf(bodies);
  const rows = await sql<{ id: string }>(on, ACCEPT, [
    uuidArray(batch.map(({ delivery }) => delivery.id)),
    int2Array(batch.map(({ priority }) => priority)),
    textArray(batch.map(({ delivery }) => delivery.event)),
    int8Array(batch.map(({ delivery }) => delivery.hookId)),
    boolArray(batch.map(({ delivery }) => delivery.form)),
    utf8Array(batch.map(({ projection }) => projection)),
    timestamptzArray(batch.map(({ delivery }) => delivery.receivedAt ?? null)),
    textArray(batch.map(({ delivery }) => delivery.traceparent ?? null)),
    int4Array(offsetsOf(bodies)),
    int4Array(bodies.map(({ length }) => length)),
    pack,
  ]);
  return new Set(rows.map((row) => row.id));
}

/** The contexts of the first requests that brought these deliveries, where they were traced. */
export async function firstTraceparents(on: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<{ id: string; traceparent: string }>(
    on,
    "SELECT delivery_id::text AS id, traceparent FROM octogauge.delivery_ledger WHERE delivery_id = ANY ($1::uuid[]) AND traceparent IS NOT NULL",
    [uuidArray(ids)],
  );
  return new Map(rows.map(({ id, traceparent }) => [id, traceparent]));
}
