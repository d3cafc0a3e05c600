import { type Queryable, sql } from "../database/index.js";
import { asLabel, projectionOf } from "../events/index.js";
import type { Claimed } from "../queue/index.js";
import { BYTES, priorityOf } from "../intake/index.js";

/** Why a delivery could not be processed. */
export interface FailureCause {
  /**
   * The stage that failed: `projection` (the body is not as expected), `apply` (the database refused it, or our code
   * failed) or `crash` (the process ended or hung while it was at it).
   */
  readonly source: "projection" | "apply" | "crash";
  readonly errorClass: string;
  readonly message: string;
}

const LONGEST_MESSAGE = 2_000;

// A delivery that was replayed and died again keeps one row, with all its attempts.
const BURY = `
  INSERT INTO octogauge.dead_letters AS d
    (delivery_id, priority, event, received_at, hook_id, form, payload, pack, pack_offset, bytes, source, error_class, error, attempts, repository, traceparent)
  VALUES ($1, $2, $3, to_timestamp($4 / 1000.0), $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)
  ON CONFLICT (delivery_id) DO UPDATE SET
    source = excluded.source, error_class = excluded.error_class, error = excluded.error,
    attempts = d.attempts + excluded.attempts, died_at = excluded.died_at`;

/** Keeps a claimed delivery that cannot be processed, in the transaction that claimed it. */
export async function addDeadLetter(on: Queryable, dead: Claimed, cause: FailureCause, attempts = 1): Promise<void> {
  await sql(on, BURY, [
    dead.id,
    priorityOf(dead.priority),
    dead.event,
    dead.receivedAt,
    dead.hookId,
    dead.form,
    dead.payload,
    // It may lie dead for months, and the payloads of its flush are nothing that one should keep so long.
    dead.payload === null ? dead.pack : null,
    dead.payload === null ? dead.packOffset : null,
    dead.payload === null ? dead.bytes : null,
    cause.source,
    cause.errorClass,
    fit(cause.message),
    attempts,
    // Whatever it was that the worker died of, it is not looked into again.
    cause.source === "crash" ? "" : repositoryOf(dead),
    dead.traceparent ?? null,
  ]);
}

/** As far as the body says it: the body is, after all, why it died. */
function repositoryOf({ event, form, projection, payload }: Claimed): string {
  try {
    const json = projection ?? projectionOf(event, form, payload ?? Buffer.alloc(0))?.toString();
    const { repository } = JSON.parse(json ?? "null") as { repository?: { full_name?: unknown } };
    return asLabel(repository?.full_name);
  } catch {
    return "";
  }
}

/** A message as it can be stored. */
export function fit(message: string): string {
  return message.replaceAll("\u0000", "\ufffd").slice(0, LONGEST_MESSAGE);
}

/** Dead letters by event, and the bytes of their bodies. */
export async function countDeadLetters(on: Queryable): Promise<{ event: string; count: number; bytes: number }[]> {
  return sql(
    on,
    `SELECT event, count(*)::float8 AS count, coalesce(sum(${BYTES}), 0)::float8 AS bytes FROM octogauge.dead_letters i GROUP BY event ORDER BY event`,
  );
}

// Of the repository that has most bytes first, the oldest first, so that a flood of one does not push out those of others.
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

/** Deletes some of what is beyond so many bytes. @returns how many; 0 where all is within */
export async function dropExcess(on: Queryable, mostBytes: number): Promise<number> {
  const [row] = await sql<{ count: number }>(on, DROP, [mostBytes]);
  return row?.count ?? 0;
}
