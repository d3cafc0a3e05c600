import { type Queryable, sql } from "../database/index.js";
import { asLabel, projectionOf } from "../events/index.js";
import type { Claimed } from "../queue/index.js";
import { BYTES, priorityOf } from "../intake/index.js";

/** Why a delivery could not be processed. */
export interface FailureCause {
  /**
   * The stage that failed: `projection` (unexpected body), `apply` (the database or our code failed) or `crash` (the process
   * crashed or hung while it processed the delivery).
   */
  readonly source: "projection" | "apply" | "crash";
  readonly errorClass: string;
  readonly message: string;
}

const MAX_MESSAGE_LENGTH = 2_000;

// A replayed delivery that fails again keeps its row; its attempts are added.
const ADD = `
  INSERT INTO octogauge.dead_letters AS d
    (delivery_id, priority, event, received_at, hook_id, form, payload, pack, pack_offset, bytes, source, error_class, error, attempts, repository, traceparent)
  VALUES ($1, $2, $3, to_timestamp($4 / 1000.0), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
  ON CONFLICT (delivery_id) DO UPDATE SET
    source = excluded.source, error_class = excluded.error_class, error = excluded.error,
    attempts = d.attempts + excluded.attempts, died_at = excluded.died_at`;

/** Stores a claimed delivery as dead letter, in the transaction that claimed it. */
export async function addDeadLetter(on: Queryable, dead: Claimed, cause: FailureCause, attempts = 1): Promise<void> {
  await sql(on, ADD, [
    dead.id,
    priorityOf(dead.priority),
    dead.event,
    dead.receivedAt,
    dead.hookId,
    dead.form,
    dead.payload,
    // Payload in the row, not in the pack: a dead letter may stay for months and would keep the whole pack.
    dead.payload === null ? dead.pack : null,
    dead.payload === null ? dead.packOffset : null,
    dead.payload === null ? dead.bytes : null,
    cause.source,
    cause.errorClass,
    storableMessage(cause.message),
    attempts,
    // After a crash, do not parse the body again: it may be the cause.
    cause.source === "crash" ? "" : repositoryOf(dead),
    dead.traceparent ?? null,
  ]);
}

/** The repository in the body; "" if the body cannot be read. */
function repositoryOf({ event, form, projection, payload }: Claimed): string {
  try {
    const json = projection ?? projectionOf(event, form, payload ?? Buffer.alloc(0))?.toString();
    const { repository } = JSON.parse(json ?? "null") as { repository?: { full_name?: unknown } };
    return asLabel(repository?.full_name);
  } catch {
    return "";
  }
}

/** Shortens a message and replaces U+0000, which PostgreSQL does not store. */
export function storableMessage(message: string): string {
  return message.replaceAll("\u0000", "\ufffd").slice(0, MAX_MESSAGE_LENGTH);
}

/** Number of dead letters and bytes of their bodies, by event. */
export async function countDeadLetters(on: Queryable): Promise<{ event: string; count: number; bytes: number }[]> {
  return sql(
    on,
    `SELECT event, count(*)::float8 AS count, coalesce(sum(${BYTES}), 0)::float8 AS bytes FROM octogauge.dead_letters i GROUP BY event ORDER BY event`,
  );
}

// Deletes the oldest dead letters of the repository with the most bytes, so that one flood does not displace other repositories.
const DROP = `
  WITH sizes AS MATERIALIZED (
    SELECT delivery_id, repository, died_at, ${BYTES} AS bytes FROM octogauge.dead_letters i
  ), greatest AS (
    SELECT repository, sum(bytes) AS bytes, sum(sum(bytes)) OVER () AS of_all FROM sizes GROUP BY repository ORDER BY 2 DESC, 1 LIMIT 1
  ), ranked AS (
    SELECT delivery_id, g.of_all - $1 AS excess, sum(s.bytes) OVER (ORDER BY died_at, delivery_id) - s.bytes AS before
    FROM greatest g JOIN sizes s USING (repository) WHERE g.of_all > $1
  ), gone AS (
    DELETE FROM octogauge.dead_letters WHERE delivery_id = ANY (ARRAY(
      SELECT delivery_id FROM ranked WHERE before < excess ORDER BY before LIMIT 500)) RETURNING 1
  )
  SELECT count(*)::integer AS count FROM gone`;

/** Deletes up to 500 dead letters beyond the limit. @returns the number deleted; 0 if all are within it */
export async function dropExcess(on: Queryable, maxBytes: number): Promise<number> {
  const [row] = await sql<{ count: number }>(on, DROP, [maxBytes]);
  return row?.count ?? 0;
}
