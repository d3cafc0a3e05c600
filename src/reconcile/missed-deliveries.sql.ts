import { type Queryable, sql } from "../database/index.js";
import { MISSED } from "./missed.js";

const BATCH = 5_000;
/** Longest backoff between two redelivery requests for one delivery. */
const MAX_BACKOFF_SECONDS = 21_600;

export interface Missed {
  readonly id: string;
  readonly hook: string;
}

/** A missed delivery that is due for redelivery. */
export interface Due extends Missed {
  /** Decimal text, because it has 64 bits. */
  readonly logId: string;
}

// OFFSET 0 forces an index probe per row; a hash join would read the whole ledger.
const HAS_ARRIVED = "EXISTS (SELECT 1 FROM octogauge.delivery_ledger l WHERE l.delivery_id = m.delivery_id OFFSET 0)";

const change = (state: number, where: string) => `
  UPDATE octogauge.missed_deliveries t SET state = ${state}
  FROM (
    SELECT m.delivery_id, m.hook FROM octogauge.missed_deliveries m WHERE m.state = ${MISSED.open} AND ${where}
    LIMIT ${BATCH} FOR UPDATE OF m SKIP LOCKED
  ) c
  WHERE t.delivery_id = c.delivery_id AND t.hook = c.hook
  RETURNING t.delivery_id::text AS id, t.hook`;

const RECOVER = change(MISSED.recovered, HAS_ARRIVED);
const GIVE_UP = change(MISSED.givenUp, `m.delivered_at < now() - make_interval(secs => $1) AND NOT ${HAS_ARRIVED}`);

// Oldest first, because GitHub deletes it first. Hooks in backoff are skipped.
const NEXT = `
  SELECT m.delivery_id::text AS id, m.hook, m.log_id::text AS "logId" FROM octogauge.missed_deliveries m
  WHERE m.state = ${MISSED.open} AND m.due_at <= now() AND NOT ${HAS_ARRIVED}
    AND m.hook = ANY (ARRAY(SELECT hook FROM octogauge.audited_hooks WHERE hook = ANY ($1::text[]) AND (failures = 0 OR due_at <= now())))
  ORDER BY m.delivered_at LIMIT 1`;

// Recorded before the request: after a crash in between, one request is missing instead of doubled.
// A delivery missed by several hooks is requested through one of them.
const BEGIN = `
  UPDATE octogauge.missed_deliveries m SET
    attempts = attempts + (hook = $2)::integer,
    due_at = now() + make_interval(secs => least(${MAX_BACKOFF_SECONDS}, $3::float8 * 4 ^ least(attempts, 12)))
  WHERE delivery_id = $1 AND state = ${MISSED.open} AND (hook <> $2 OR due_at <= now()) AND NOT ${HAS_ARRIVED}
  RETURNING hook`;

const TAKE_BACK = `
  UPDATE octogauge.missed_deliveries SET attempts = attempts - (hook = $2)::integer, due_at = now() + make_interval(secs => $3)
  WHERE delivery_id = $1 AND state = ${MISSED.open}`;

// After twice the redelivery window no audit reads these entries any more.
const DELETE_OLD = `
  DELETE FROM octogauge.missed_deliveries WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM octogauge.missed_deliveries WHERE state <> ${MISSED.open} AND delivered_at < now() - make_interval(secs => 2 * $1) LIMIT ${BATCH}))`;

/** Marks missed deliveries that have arrived and returns them. */
export async function recover(on: Queryable): Promise<Missed[]> {
  return sql<Missed>(on, RECOVER);
}

/** Gives up missed deliveries that are too old for GitHub to redeliver, and returns them. */
export async function giveUpMissed(on: Queryable, windowSeconds: number): Promise<Missed[]> {
  return sql<Missed>(on, GIVE_UP, [windowSeconds]);
}

export async function nextDue(on: Queryable, hooks: readonly string[]): Promise<Due | undefined> {
  const [row] = await sql<Due>(on, NEXT, [hooks]);
  return row;
}

/** @returns whether the delivery is still missed and due */
export async function beginRedelivery(on: Queryable, due: Due, firstBackoffSeconds: number): Promise<boolean> {
  return (await sql<Missed>(on, BEGIN, [due.id, due.hook, firstBackoffSeconds])).some(({ hook }) => hook === due.hook);
}

/** Undoes {@link beginRedelivery}; the delivery is due again after `waitSeconds`. */
export async function takeBack(on: Queryable, due: Due, waitSeconds: number): Promise<void> {
  await sql(on, TAKE_BACK, [due.id, due.hook, waitSeconds]);
}

export async function pruneMissed(on: Queryable, windowSeconds: number): Promise<void> {
  await sql(on, DELETE_OLD, [windowSeconds]);
}
