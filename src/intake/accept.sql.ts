import {
  boolArray,
  int2Array,
  int4Array,
  int8Array,
  type Queryable,
  sql,
  textArray,
  timestamptzArray,
  utf8Array,
  uuidArray,
} from "../database/index.js";
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

// A function in the database, whose statements are planned once for each of its connections, whichever way they come through a
// pooler: planning took nearly half of the server's time for a flush of 32 (migrations/1797200000000-accept-function.ts).
const ACCEPT = "SELECT octogauge.accept_deliveries($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS id";

/**
 * Stores a batch, each id once.
 * @param batch of distinct ids, sorted by id: two replicas that get the same ids then wait for each other in the same order
 * @returns the ids that were stored before
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
