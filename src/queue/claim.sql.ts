import { int2Array, int8Array, type Queryable, sql } from "../database/index.js";
import { BYTES, LANES, type PayloadPlace, placeOf, withPayloads } from "../intake/index.js";

/** A delivery that this transaction has removed from the inbox; a rollback puts it back. */
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
   * Present for rows without a projection. With `withCompletions`, also for completed runs and jobs. Null for other rows of a batch, and where the pack
   * cannot be read.
   */
  readonly payload: Buffer | null;
  /** The context of its trace, where it is traced. */
  readonly traceparent?: string | null;
}

/** The key of a row in the inbox. */
export type InboxKey = Pick<Claimed, "priority" | "seq">;

/** Columns of a claimed row, whichever table it comes from. `date_part` takes half the time of `extract`, which computes in decimals. */
export const COLUMNS = `i.delivery_id::text AS id, i.priority, i.event,
    date_part('epoch', i.received_at) * 1000 AS "receivedAt", i.hook_id::text AS "hookId", i.form, i.projection, i.traceparent`;

/** Most payload bytes of one claim: 500 bodies of 25 MB would not fit into the memory of the process. */
const CLAIM_BYTES = 16_777_216;

/** Rows claimed with their payload: those without a projection. If $4, also runs and jobs whose projection contains `completed`. */
const WITH_PAYLOAD = `(i.projection IS NULL OR $4 AND i.event IN ('workflow_job', 'workflow_run', 'workflow_job.lookup', 'workflow_run.lookup')
      AND position('"completed"' IN i.projection) > 0)`;

const PAYLOAD_BYTES = `CASE WHEN ${WITH_PAYLOAD} THEN ${BYTES} ELSE 0 END AS bytes`;

const ROW = `i.seq::text AS seq, ${COLUMNS}, ${placeOf(WITH_PAYLOAD)}`;

// A materialised CTE fixes the keys first. Without it, the planner may lock more rows than LIMIT. PostgreSQL pulls and locks the rows one by
// one, so it reads a lane only if the lanes before it did not fill the batch.
const IN_LANES = `
    SELECT row.* FROM unnest($2::smallint[], $3::bigint[]) AS lane(priority, floor), LATERAL (
      SELECT i.priority, i.seq, i.ctid AS place, ${PAYLOAD_BYTES}
      FROM octogauge.inbox i WHERE i.priority = lane.priority AND i.seq >= lane.floor
      ORDER BY i.seq LIMIT $1 FOR UPDATE SKIP LOCKED) row`;

const FITTING = `
    SELECT place FROM (SELECT place, sum(bytes) OVER (ORDER BY priority, seq) - bytes AS before FROM claimed) s
    WHERE before < ${CLAIM_BYTES}`;

/**
 * Selects the found rows by ctid, which is stable while they are locked. A join by key is slower where the statistics are those of an
 * empty inbox: it walks over all dead rows (12 s instead of 7 ms, with 130,000 dead and 50,000 live rows).
 */
const thoseOf = (found: string): string => `i.ctid = ANY (ARRAY(SELECT place FROM ${found}))`;

/** Selects rows by the keys in $1 and $2, each with an index look-up of its own, because statistics may be stale (see thoseOf). */
export const THOSE_OF_KEYS = thoseOf(`unnest($1::smallint[], $2::bigint[]) AS k(priority, seq), LATERAL (
    SELECT i.ctid AS place FROM octogauge.inbox i WHERE i.priority = k.priority AND i.seq = k.seq LIMIT 1) row`);

// Claim and delete are one statement, so there is no status to change and no lease that may run out.
const CLAIM = `
  WITH claimed AS MATERIALIZED (${IN_LANES} LIMIT $1), fitting AS MATERIALIZED (${FITTING})
  DELETE FROM octogauge.inbox i WHERE ${thoseOf("fitting")}
  RETURNING ${ROW}`;

// Delayed rows that are due come first, but fill at most half a batch: due deliveries of limited repositories must not hold up the others.
const HOLD = `
  WITH due AS MATERIALIZED (
    SELECT i.priority, i.seq, i.ctid AS place, ${PAYLOAD_BYTES} FROM octogauge.inbox i WHERE i.due_at <= CASE WHEN $5 THEN now() ELSE 'infinity' END ORDER BY i.due_at LIMIT ($1 + 1) / 2 FOR UPDATE SKIP LOCKED
  ), claimed AS MATERIALIZED (SELECT * FROM due UNION ALL (${IN_LANES}) LIMIT $1), fitting AS MATERIALIZED (${FITTING})
  SELECT ${ROW}, i.granted FROM octogauge.inbox i WHERE ${thoseOf("fitting")}`;

const CLAIM_ONE = `
  WITH claimed AS MATERIALIZED (
    SELECT ctid AS place FROM octogauge.inbox WHERE priority = $1 AND seq = $2 FOR UPDATE SKIP LOCKED
  )
  DELETE FROM octogauge.inbox i WHERE ${thoseOf("claimed")}
  RETURNING i.seq::text AS seq, ${COLUMNS}, ${placeOf("true")}`;

/** What a claim looks for. */
export interface Search {
  readonly limit: number;
  /** The lowest sequence number to look at, for each of LANES. */
  readonly floors: readonly number[];
  /** In the order in which the claim empties them. */
  readonly lanes: readonly number[];
  /** Whether payloads of completed runs and jobs come along. */
  readonly withCompletions: boolean;
}

/** The whole inbox, lane by lane. */
export const fromTheStart = (limit: number, withCompletions = false): Search => ({
  limit,
  floors: LANES.map(() => 0),
  lanes: LANES,
  withCompletions,
});

/** Removes up to `limit` deliveries from the inbox, in the transaction of `on`. Other transactions skip them until it ends. */
export async function claim(on: Queryable, search: Search): Promise<Claimed[]> {
  return withPayloads(on, await sql<Claimed>(on, CLAIM, parameters(search)));
}

/** A row that this transaction has locked, and that is still in the inbox. */
export interface HeldRow extends Claimed {
  /** Which of its limits it has passed already (rate-limits.ts). */
  readonly granted: number | null;
}

/**
 * Like {@link claim}, but the rows stay in the inbox, and delayed rows are found as well.
 * @param onlyDue whether a delayed row has to be due
 */
export async function hold(on: Queryable, search: Search, onlyDue: boolean): Promise<HeldRow[]> {
  const rows = await sql<HeldRow>(on, HOLD, [...parameters(search), onlyDue]);
  // Limits are granted in this order. Sorting in the statement would let the planner walk over the whole index instead.
  return withPayloads(
    on,
    rows.toSorted((a, b) => a.priority - b.priority || Number(a.seq) - Number(b.seq)),
  );
}

/** Whether the limit or CLAIM_BYTES cut the claim short, so that more rows may be waiting. */
export function isPartOfMore(claimed: readonly Claimed[], limit: number): boolean {
  return claimed.length >= limit || claimed.reduce((sum, { bytes, payload }) => sum + (bytes ?? payload?.length ?? 0), 0) >= CLAIM_BYTES;
}

const parameters = ({ limit, floors, lanes, withCompletions }: Search): unknown[] => [
  limit,
  int2Array(lanes),
  int8Array(lanes.map((lane) => floors[lane] ?? 0)),
  withCompletions,
];

/** Removes rows that this transaction holds from the inbox. */
export async function remove(on: Queryable, keys: readonly InboxKey[]): Promise<void> {
  await sql(on, `DELETE FROM octogauge.inbox i WHERE ${THOSE_OF_KEYS}`, [
    int2Array(keys.map(({ priority }) => priority)),
    int8Array(keys.map(({ seq }) => Number(seq))),
  ]);
}

/** Claims one delivery with its payload; empty if another worker has it. */
export async function claimOne(on: Queryable, key: InboxKey): Promise<Claimed[]> {
  return withPayloads(on, await sql<Claimed>(on, CLAIM_ONE, [key.priority, key.seq]));
}
