import { LANE_COUNT } from "../config/index.js";
import { int2Array, int8Array, type Queryable, sql } from "../database/index.js";
import { type Claimed, COLUMNS, type InboxKey, THOSE_OF_KEYS } from "../queue/index.js";
import { PLACE, placeOf, withPayloads } from "../intake/index.js";
import { addDeadLetter, type FailureCause, fit } from "./dead-letters.sql.js";

/** One attempt at a delivery that failed before. Its number is the fence: whoever holds it may end the attempt. */
export interface Attempt {
  readonly id: string;
  readonly number: number;
  /** Why the attempt before this one failed. */
  readonly cause: FailureCause;
}

// Moved, never copied: a delivery waits in one table at a time. The payload stays on the server.
const SET_ASIDE = `
  WITH gone AS (
    DELETE FROM octogauge.inbox i WHERE ${THOSE_OF_KEYS} RETURNING i.*
  )
  INSERT INTO octogauge.retries (delivery_id, priority, event, received_at, hook_id, form, projection, ${PLACE},
    traceparent, source, error_class, error, attempts, due_at)
  SELECT delivery_id, priority % ${LANE_COUNT}, event, received_at, hook_id, form, projection, ${PLACE},
    traceparent, $3, $4, $5, $6, now() + make_interval(secs => $7)
  FROM gone ON CONFLICT (delivery_id) DO UPDATE SET due_at = excluded.due_at`;

/**
 * Takes deliveries out of the inbox that are to be tried again, so that they no longer stand among others.
 * @param attempts that they have used up
 * @param delay seconds until the next one
 */
export async function setAside(
  on: Queryable,
  keys: readonly InboxKey[],
  cause: FailureCause,
  attempts: number,
  delay: number,
): Promise<void> {
  await sql(on, SET_ASIDE, [
    int2Array(keys.map(({ priority }) => priority)),
    int8Array(keys.map(({ seq }) => Number(seq))),
    cause.source,
    cause.errorClass,
    fit(cause.message),
    attempts,
    delay,
  ]);
}

// The attempt is counted in its own commit, before it begins: a rollback would take the count along, and a row that kills
// the process would do so for ever.
const START = `
  UPDATE octogauge.retries SET attempts = attempts + 1, due_at = now() + make_interval(secs => $1)
  WHERE delivery_id = (SELECT delivery_id FROM octogauge.retries WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING delivery_id::text AS id, attempts, source, error_class AS "errorClass", error AS message`;

/**
 * Begins the next attempt that is due.
 * @param lease seconds until others may take it, if nothing is heard of it
 */
export async function startAttempt(on: Queryable, lease: number): Promise<Attempt | undefined> {
  const [row] = await sql<FailureCause & { id: string; attempts: number }>(on, START, [lease]);
  return row && { id: row.id, number: row.attempts, cause: row };
}

/** Takes the delivery of an attempt out of the retries, in the transaction that processes it; empty where another has it by now. */
export async function take(on: Queryable, { id, number }: Attempt): Promise<Claimed[]> {
  const rows = await sql<Claimed>(
    on,
    `DELETE FROM octogauge.retries i WHERE delivery_id = $1 AND attempts = $2 RETURNING 0::text AS seq, ${COLUMNS}, ${placeOf("true")}`,
    [id, number],
  );
  return withPayloads(on, rows);
}

/** Ends a failed attempt; the next comes after `delay` seconds. */
export async function postpone(on: Queryable, { id, number }: Attempt, cause: FailureCause, delay: number): Promise<void> {
  await sql(
    on,
    `UPDATE octogauge.retries SET source = $3, error_class = $4, error = $5, due_at = now() + make_interval(secs => $6)
     WHERE delivery_id = $1 AND attempts = $2`,
    [id, number, cause.source, cause.errorClass, fit(cause.message), delay],
  );
}

/** Makes an attempt undone that failed for no reason of the delivery's. */
export async function undo(on: Queryable, { id, number }: Attempt): Promise<void> {
  await sql(on, "UPDATE octogauge.retries SET attempts = attempts - 1, due_at = now() WHERE delivery_id = $1 AND attempts = $2", [
    id,
    number,
  ]);
}

/** Moves a delivery that has had all its attempts to the dead letters. @param attempts how many it had @returns it; empty where another has it by now */
export async function giveUp(on: Queryable, attempt: Attempt, cause: FailureCause, attempts: number): Promise<Claimed[]> {
  const taken = await take(on, attempt);
  for (const dead of taken) await addDeadLetter(on, dead, cause, attempts);
  return taken;
}

/** Deliveries that wait for a further attempt, by event. */
export async function countRetries(on: Queryable): Promise<{ event: string; count: number }[]> {
  return sql(on, "SELECT event, count(*)::float8 AS count FROM octogauge.retries GROUP BY event ORDER BY event");
}
