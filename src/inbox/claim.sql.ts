import { int2Array, int8Array } from "../database/binary-array.js";
import { type Queryable, sql } from "../database/sql.js";

import { LANES } from "./delivery.js";

/** A row that this transaction has taken out of the inbox; a rollback puts it back. */
export interface Claimed {
  readonly id: string;
  readonly priority: number;
  readonly seq: string;
  readonly event: string;
  /** Milliseconds since 1970, by the database's clock. */
  readonly receivedAt: number;
  readonly hookId: string | null;
  readonly form: boolean;
  readonly projection: string | null;
  /** From a batch only where there is no projection. */
  readonly payload: Buffer | null;
}

/** Where a row stands in the inbox. */
export type InboxKey = Pick<Claimed, "priority" | "seq">;

/** What a claimed row has, wherever it waited; its place apart. */
export const COLUMNS = `i.delivery_id::text AS id, i.priority, i.event,
    (extract(epoch FROM i.received_at) * 1000)::float8 AS "receivedAt", i.hook_id::text AS "hookId", i.form, i.projection`;

/** Payload bytes of one claim: rows without a projection bring theirs, and 500 bodies of 25 MB would not fit into the process. */
const CLAIM_BYTES = 16_777_216;

// Claim and delete in one statement: no status to flip, no lease to lose. The keys are fenced in a
// materialised CTE, or the planner may lock more rows than LIMIT. A lane is only looked at while those before it
// have not filled the batch, since rows are pulled, and locked, one by one.
const CLAIM = `
  WITH claimed AS MATERIALIZED (
    SELECT row.* FROM unnest($2::smallint[], $3::bigint[]) AS lane(priority, floor), LATERAL (
      SELECT i.priority, i.seq, CASE WHEN i.projection IS NULL THEN octet_length(i.payload) ELSE 0 END AS bytes
      FROM octogauge.inbox i WHERE i.priority = lane.priority AND i.seq >= lane.floor
      ORDER BY i.seq LIMIT $1 FOR UPDATE SKIP LOCKED) row
    LIMIT $1
  ), fitting AS MATERIALIZED (
    SELECT priority, seq FROM (SELECT priority, seq, sum(bytes) OVER (ORDER BY priority, seq) - bytes AS before FROM claimed) s
    WHERE before < ${CLAIM_BYTES}
  )
  DELETE FROM octogauge.inbox i USING fitting c
  WHERE i.priority = c.priority AND i.seq = c.seq
  RETURNING i.seq::text AS seq, ${COLUMNS}, CASE WHEN i.projection IS NULL THEN i.payload END AS payload`;

const CLAIM_ONE = `
  WITH claimed AS MATERIALIZED (
    SELECT priority, seq FROM octogauge.inbox WHERE priority = $1 AND seq = $2 FOR UPDATE SKIP LOCKED
  )
  DELETE FROM octogauge.inbox i USING claimed c
  WHERE i.priority = c.priority AND i.seq = c.seq
  RETURNING i.seq::text AS seq, ${COLUMNS}, i.payload`;

/**
 * Takes up to `limit` deliveries out of the inbox, in the transaction of `on`; others skip them meanwhile.
 * @param floors the lowest sequence number to look at, for each of LANES
 * @param order of the lanes
 */
export async function claim(
  on: Queryable,
  limit: number,
  floors: readonly number[] = LANES.map(() => 0),
  order: readonly number[] = LANES,
): Promise<Claimed[]> {
  return sql<Claimed>(on, CLAIM, [limit, int2Array(order), int8Array(order.map((lane) => floors[lane] ?? 0))]);
}

/** Takes one delivery with its payload; empty where another worker has it. */
export async function claimOne(on: Queryable, key: InboxKey): Promise<Claimed[]> {
  return sql<Claimed>(on, CLAIM_ONE, [key.priority, key.seq]);
}
