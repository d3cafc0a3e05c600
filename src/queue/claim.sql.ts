import { int2Array, int8Array } from "../database/binary-array.js";
import { type Queryable, sql } from "../database/sql.js";
import { LANES } from "../intake/lanes.js";
import { BYTES, type PayloadPlace, placeOf, withPayloads } from "../intake/payloads.sql.js";

/** A row that this transaction has taken out of the inbox; a rollback puts it back. */
export interface Claimed extends PayloadPlace {
  readonly id: string;
  /** Its lane. */
  readonly priority: number;
  readonly seq: string;
  readonly event: string;
  /** Milliseconds since 1970, by the database's clock. */
  readonly receivedAt: number;
  readonly hookId: string | null;
  readonly form: boolean;
  readonly projection: string | null;
  /**
   * From a batch only where there is no projection, and of completions where they are asked for; else it is not even said where
   * it is. Null as well where its pack cannot be read.
   */
  readonly payload: Buffer | null;
  /** The context of its trace, where it is traced. */
  readonly traceparent?: string | null;
}

/** Where a row stands in the inbox. */
export type InboxKey = Pick<Claimed, "priority" | "seq">;

/** What a claimed row has, wherever it waited; its place apart. By date_part, since extract counts in decimals, at twice the time. */
export const COLUMNS = `i.delivery_id::text AS id, i.priority, i.event,
    date_part('epoch', i.received_at) * 1000 AS "receivedAt", i.hook_id::text AS "hookId", i.form, i.projection, i.traceparent`;

/** Payload bytes of one claim: rows without a projection bring theirs, and 500 bodies of 25 MB would not fit into the process. */
const CLAIM_BYTES = 16_777_216;

// Which rows of a batch come with their payload.
const UNPROJECTED = "i.projection IS NULL";

/** As well those of runs and jobs that may have completed, which say so in their action or their status. */
const COMPLETIONS = `(${UNPROJECTED} OR i.event IN ('workflow_job', 'workflow_run', 'workflow_job.lookup', 'workflow_run.lookup')
      AND position('"completed"' IN i.projection) > 0)`;

const bytes = (whole: string) => `CASE WHEN ${whole} THEN ${BYTES} ELSE 0 END AS bytes`;

const row = (whole: string) => `i.seq::text AS seq, ${COLUMNS}, ${placeOf(whole)}`;

// The keys are fenced in a materialised CTE, or the planner may lock more rows than LIMIT. A lane is only looked at while
// those before it have not filled the batch, since rows are pulled, and locked, one by one.
const inLanes = (whole: string) => `
    SELECT row.* FROM unnest($2::smallint[], $3::bigint[]) AS lane(priority, floor), LATERAL (
      SELECT i.priority, i.seq, i.ctid AS place, ${bytes(whole)}
      FROM octogauge.inbox i WHERE i.priority = lane.priority AND i.seq >= lane.floor
      ORDER BY i.seq LIMIT $1 FOR UPDATE SKIP LOCKED) row`;

const FITTING = `
    SELECT place FROM (SELECT place, sum(bytes) OVER (ORDER BY priority, seq) - bytes AS before FROM claimed) s
    WHERE before < ${CLAIM_BYTES}`;

/**
 * Rows that were found, by their places, which are theirs while they are locked. Not joined by their keys: where statistics are of a moment
 * when the inbox was empty, the planner begins such a join with the rows of the inbox, and walks over all that have gone and are not cleaned away
 * (measured with 130,000 of those and 50,000 rows: 12 s instead of 7 ms).
 */
const thoseOf = (found: string): string => `i.ctid = ANY (ARRAY(SELECT place FROM ${found}))`;

/** Rows by the keys in $1 and $2, each looked up for itself, for the same reason. */
export const THOSE_OF_KEYS = thoseOf(`unnest($1::smallint[], $2::bigint[]) AS k(priority, seq), LATERAL (
    SELECT i.ctid AS place FROM octogauge.inbox i WHERE i.priority = k.priority AND i.seq = k.seq LIMIT 1) row`);

// Claim and delete in one statement: no status to flip, no lease to lose.
const claimOf = (whole: string) => `
  WITH claimed AS MATERIALIZED (${inLanes(whole)} LIMIT $1), fitting AS MATERIALIZED (${FITTING})
  DELETE FROM octogauge.inbox i WHERE ${thoseOf("fitting")}
  RETURNING ${row(whole)}`;

// What was put off and is due goes first, since it has waited, but has half a batch at most: others wait for none of its limits.
const holdOf = (whole: string) => `
  WITH due AS MATERIALIZED (
    SELECT i.priority, i.seq, i.ctid AS place, ${bytes(whole)} FROM octogauge.inbox i WHERE i.due_at <= CASE WHEN $4 THEN now() ELSE 'infinity' END ORDER BY i.due_at LIMIT ($1 + 1) / 2 FOR UPDATE SKIP LOCKED
  ), claimed AS MATERIALIZED (SELECT * FROM due UNION ALL (${inLanes(whole)}) LIMIT $1), fitting AS MATERIALIZED (${FITTING})
  SELECT ${row(whole)}, i.granted FROM octogauge.inbox i WHERE ${thoseOf("fitting")}`;

const CLAIM = claimOf(UNPROJECTED);
const CLAIM_WHOLE = claimOf(COMPLETIONS);
const HOLD = holdOf(UNPROJECTED);
const HOLD_WHOLE = holdOf(COMPLETIONS);

const CLAIM_ONE = `
  WITH claimed AS MATERIALIZED (
    SELECT ctid AS place FROM octogauge.inbox WHERE priority = $1 AND seq = $2 FOR UPDATE SKIP LOCKED
  )
  DELETE FROM octogauge.inbox i WHERE ${thoseOf("claimed")}
  RETURNING i.seq::text AS seq, ${COLUMNS}, ${placeOf("true")}`;

/**
 * Takes up to `limit` deliveries out of the inbox, in the transaction of `on`; others skip them meanwhile.
 * @param floors the lowest sequence number to look at, for each of LANES
 * @param order of the lanes
 * @param withCompletions whether the payloads of completed runs and jobs come along
 */
export async function claim(
  on: Queryable,
  limit: number,
  floors: readonly number[] = LANES.map(() => 0),
  order: readonly number[] = LANES,
  withCompletions = false,
): Promise<Claimed[]> {
  return withPayloads(on, await sql<Claimed>(on, withCompletions ? CLAIM_WHOLE : CLAIM, parameters(limit, floors, order)));
}

/** A row that this transaction has locked, and that is still in the inbox. */
export interface LimitedRow extends Claimed {
  /** Which of its limits it has passed already (delay.sql.ts). */
  readonly granted: number | null;
}

/**
 * Like {@link claim}, but the rows stay; and with what was put off and is due.
 * @param areLimited whether there are limits at all: else there is nothing to wait for
 */
export async function hold(
  on: Queryable,
  limit: number,
  floors: readonly number[],
  order: readonly number[],
  areLimited: boolean,
  withCompletions = false,
): Promise<LimitedRow[]> {
  const rows = await sql<LimitedRow>(on, withCompletions ? HOLD_WHOLE : HOLD, [...parameters(limit, floors, order), areLimited]);
  // Limits are granted in this order. Not by the statement: the planner might walk over the whole index to save the sorting.
  return withPayloads(
    on,
    rows.toSorted((a, b) => a.priority - b.priority || Number(a.seq) - Number(b.seq)),
  );
}

/** Whether a claim of so many was cut short, by their number or by the bytes of their payloads, so that there may be more. */
export function isPartOfMore(claimed: readonly Claimed[], limit: number): boolean {
  return claimed.length >= limit || claimed.reduce((sum, { bytes, payload }) => sum + (bytes ?? payload?.length ?? 0), 0) >= CLAIM_BYTES;
}

const parameters = (limit: number, floors: readonly number[], order: readonly number[]): unknown[] => [
  limit,
  int2Array(order),
  int8Array(order.map((lane) => floors[lane] ?? 0)),
];

/** Takes rows out of the inbox that this transaction holds. */
export async function remove(on: Queryable, keys: readonly InboxKey[]): Promise<void> {
  await sql(on, `DELETE FROM octogauge.inbox i WHERE ${THOSE_OF_KEYS}`, [
    int2Array(keys.map(({ priority }) => priority)),
    int8Array(keys.map(({ seq }) => Number(seq))),
  ]);
}

/** Takes one delivery with its payload; empty where another worker has it. */
export async function claimOne(on: Queryable, key: InboxKey): Promise<Claimed[]> {
  return withPayloads(on, await sql<Claimed>(on, CLAIM_ONE, [key.priority, key.seq]));
}
