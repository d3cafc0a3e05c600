import { LANE_COUNT } from "../config/index.js";
import { int2Array, int8Array, type Queryable, sql } from "../database/index.js";
import { type Claimed, COLUMNS, type InboxKey, THOSE_OF_KEYS } from "../queue/index.js";
import { PLACE, placeOf, withPayloads } from "../intake/index.js";
import { addDeadLetter, type FailureCause, storableMessage } from "./dead-letters.sql.js";

/** One attempt at a delivery that failed before. Its number fences the lease: only the worker with the current number may end it. */
export interface Attempt {
  readonly id: string;
  readonly number: number;
  /** Why the attempt before this one failed. */
  readonly cause: FailureCause;
}

// One statement moves the rows, so a delivery is in one table at a time and its payload stays on the server.
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
 * Moves failed deliveries from the inbox to the retries, so that they no longer delay other deliveries.
 * @param attempts number of attempts made so far
 * @param delaySeconds time until the next attempt
 */
export async function setAside(
  on: Queryable,
  keys: readonly InboxKey[],
  cause: FailureCause,
  attempts: number,
  delaySeconds: number,
): Promise<void> {
  await sql(on, SET_ASIDE, [
    int2Array(keys.map(({ priority }) => priority)),
    int8Array(keys.map(({ seq }) => Number(seq))),
    cause.source,
    cause.errorClass,
    storableMessage(cause.message),
    attempts,
    delaySeconds,
  ]);
}

// The attempt is counted in a commit of its own before it begins. Otherwise a delivery that crashes the process would roll the
// count back and be retried without end.
const START = `
  UPDATE octogauge.retries SET attempts = attempts + 1, due_at = now() + make_interval(secs => $1)
  WHERE delivery_id = (SELECT delivery_id FROM octogauge.retries WHERE due_at <= now() ORDER BY due_at LIMIT 1 FOR UPDATE SKIP LOCKED)
  RETURNING delivery_id::text AS id, attempts, source, error_class AS "errorClass", error AS message`;

/**
 * Begins the next attempt that is due.
 * @param leaseSeconds time after which another worker may take an attempt that did not end
 */
export async function startAttempt(on: Queryable, leaseSeconds: number): Promise<Attempt | undefined> {
  const [row] = await sql<FailureCause & { id: string; attempts: number }>(on, START, [leaseSeconds]);
  return row && { id: row.id, number: row.attempts, cause: row };
}

/** Deletes the delivery from the retries in the transaction that processes it; empty if another worker has taken over the lease. */
export async function take(on: Queryable, { id, number }: Attempt): Promise<Claimed[]> {
  const rows = await sql<Claimed>(
    on,
    `DELETE FROM octogauge.retries i WHERE delivery_id = $1 AND attempts = $2 RETURNING 0::text AS seq, ${COLUMNS}, ${placeOf("true")}`,
    [id, number],
  );
  return withPayloads(on, rows);
}

/** Ends a failed attempt and schedules the next one. */
export async function postpone(on: Queryable, { id, number }: Attempt, cause: FailureCause, delaySeconds: number): Promise<void> {
  await sql(
    on,
    `UPDATE octogauge.retries SET source = $3, error_class = $4, error = $5, due_at = now() + make_interval(secs => $6)
     WHERE delivery_id = $1 AND attempts = $2`,
    [id, number, cause.source, cause.errorClass, storableMessage(cause.message), delaySeconds],
  );
}

/** Takes an attempt back whose failure the delivery did not cause. */
export async function undo(on: Queryable, { id, number }: Attempt): Promise<void> {
  await sql(on, "UPDATE octogauge.retries SET attempts = attempts - 1, due_at = now() WHERE delivery_id = $1 AND attempts = $2", [
    id,
    number,
  ]);
}

/** Moves a delivery without attempts left to the dead letters. @returns the delivery; empty if another worker has taken over the lease */
export async function giveUp(on: Queryable, attempt: Attempt, cause: FailureCause, attempts: number): Promise<Claimed[]> {
  const taken = await take(on, attempt);
  for (const dead of taken) await addDeadLetter(on, dead, cause, attempts);
  return taken;
}

/** Number of deliveries that wait for a retry, by event. */
export async function countRetries(on: Queryable): Promise<{ event: string; count: number }[]> {
  return sql(on, "SELECT event, count(*)::float8 AS count FROM octogauge.retries GROUP BY event ORDER BY event");
}
