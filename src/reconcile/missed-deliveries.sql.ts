import { type Queryable, sql } from "../database/index.js";
import { MISSED } from "./missed.js";

const BATCH = 5_000;
/** Longest rest between two redeliveries of one delivery. Seconds. */
const LONGEST_REST = 21_600;

export interface Missed {
  readonly id: string;
  readonly hook: string;
}

/** One whose time has come. */
export interface Due extends Missed {
  /** In decimal: it has 64 bits. */
  readonly logId: string;
}

// OFFSET 0 keeps it a probe of the index for each row: hashed, it would read the ledger from end to end.
const HAS_COME = "EXISTS (SELECT 1 FROM octogauge.delivery_ledger l WHERE l.delivery_id = m.delivery_id OFFSET 0)";

const change = (state: number, where: string) => `
  UPDATE octogauge.missed_deliveries t SET state = ${state}
  FROM (
    SELECT m.delivery_id, m.hook FROM octogauge.missed_deliveries m WHERE m.state = ${MISSED.open} AND ${where}
    LIMIT ${BATCH} FOR UPDATE OF m SKIP LOCKED
  ) c
  WHERE t.delivery_id = c.delivery_id AND t.hook = c.hook
  RETURNING t.delivery_id::text AS id, t.hook`;

const RECOVER = change(MISSED.recovered, HAS_COME);
const GIVE_UP = change(MISSED.givenUp, `m.delivered_at < now() - make_interval(secs => $1) AND NOT ${HAS_COME}`);

// The oldest first: GitHub forgets it first. A hook that fails rests.
const NEXT = `
  SELECT m.delivery_id::text AS id, m.hook, m.log_id::text AS "logId" FROM octogauge.missed_deliveries m
  WHERE m.state = ${MISSED.open} AND m.due_at <= now() AND NOT ${HAS_COME}
    AND m.hook = ANY (ARRAY(SELECT hook FROM octogauge.audited_hooks WHERE hook = ANY ($1::text[]) AND (failures = 0 OR due_at <= now())))
  ORDER BY m.delivered_at LIMIT 1`;

// Written down before it is asked for: a process that ends in between asks once less, not once more. What several
// hooks miss is one delivery, which one of them may bring.
const BEGIN = `
  UPDATE octogauge.missed_deliveries m SET
    attempts = attempts + (hook = $2)::integer,
    due_at = now() + make_interval(secs => least(${LONGEST_REST}, $3::float8 * 4 ^ least(attempts, 12)))
  WHERE delivery_id = $1 AND state = ${MISSED.open} AND (hook <> $2 OR due_at <= now()) AND NOT ${HAS_COME}
  RETURNING hook`;

const TAKE_BACK = `
  UPDATE octogauge.missed_deliveries SET attempts = attempts - (hook = $2)::integer, due_at = now() + make_interval(secs => $3)
  WHERE delivery_id = $1 AND state = ${MISSED.open}`;

// Twice as long as GitHub could have sent them again: nobody meets them in the log any more.
const PRUNE = `
  DELETE FROM octogauge.missed_deliveries WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM octogauge.missed_deliveries WHERE state <> ${MISSED.open} AND delivered_at < now() - make_interval(secs => 2 * $1) LIMIT ${BATCH}))`;

/** Those that have come meanwhile. */
export async function recover(on: Queryable): Promise<Missed[]> {
  return sql<Missed>(on, RECOVER);
}

/** Those that GitHub no longer redelivers. @param window seconds */
export async function giveUpMissed(on: Queryable, window: number): Promise<Missed[]> {
  return sql<Missed>(on, GIVE_UP, [window]);
}

export async function nextDue(on: Queryable, hooks: readonly string[]): Promise<Due | undefined> {
  const [row] = await sql<Due>(on, NEXT, [hooks]);
  return row;
}

/** @param backoff first rest in seconds @returns whether it is missed and due */
export async function beginRedelivery(on: Queryable, due: Due, backoff: number): Promise<boolean> {
  return (await sql<Missed>(on, BEGIN, [due.id, due.hook, backoff])).some(({ hook }) => hook === due.hook);
}

/** It was not asked for after all; it is due again after `wait` seconds. */
export async function takeBack(on: Queryable, due: Due, wait: number): Promise<void> {
  await sql(on, TAKE_BACK, [due.id, due.hook, wait]);
}

export async function pruneMissed(on: Queryable, window: number): Promise<void> {
  await sql(on, PRUNE, [window]);
}
