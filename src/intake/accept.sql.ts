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

/** A delivery with the projection that is stored beside it (events/project.ts). */
export interface Pending {
  readonly delivery: Delivery;
  readonly projection: Buffer | null;
  /** The lane (lanes.ts). */
  readonly priority: number;
  /** For traced deliveries: when the wait for the flush began, by tracing/clock.ts. */
  readonly since?: number | undefined;
}

// A database function keeps its plans per server connection, also behind a pooler. Without it, planning took nearly half of the
// server's time for a flush of 32 (migrations/1797200000000-accept-function.ts).
const ACCEPT = "SELECT octogauge.accept_deliveries($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11) AS id";

/**
 * Stores a batch, each id once.
 * @param batch distinct ids, sorted by id: replicas with the same ids then lock in the same order, so they cannot deadlock
 * @returns the ids that were already stored
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

/** Maps each delivery id to the trace context of its first request, if that request was traced. */
export async function firstTraceparents(on: Queryable, ids: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const rows = await sql<{ id: string; traceparent: string }>(
    on,
    "SELECT delivery_id::text AS id, traceparent FROM octogauge.delivery_ledger WHERE delivery_id = ANY ($1::uuid[]) AND traceparent IS NOT NULL",
    [uuidArray(ids)],
  );
  return new Map(rows.map(({ id, traceparent }) => [id, traceparent]));
}
