import { LANE_COUNT } from "../config/index.js";
import { type Queryable, sql } from "../database/index.js";
import { BYTES, type PayloadPlace, PLACE, placeOf, withPayloads } from "../intake/index.js";

/** Selects dead letters; an undefined member matches all. */
export interface DeadLetterFilter {
  readonly ids?: readonly string[] | undefined;
  readonly event?: string | undefined;
  /** `owner/name`, or `owner/` for all repositories of an owner. */
  readonly repository?: string | undefined;
  /** A substring of the error class or message. */
  readonly error?: string | undefined;
  /** Range of the time of the last failure. */
  readonly since?: Date | undefined;
  readonly until?: Date | undefined;
}

export interface DeadLetter {
  readonly id: string;
  readonly event: string;
  readonly repository: string;
  readonly receivedAt: Date;
  readonly diedAt: Date;
  readonly source: string;
  readonly errorClass: string;
  readonly error: string;
  readonly attempts: number;
  readonly bytes: number;
}

const MATCHES = `
  ($1::uuid[] IS NULL OR delivery_id = ANY ($1)) AND ($2::text IS NULL OR event = $2)
  AND ($3::text IS NULL OR lower(repository) = lower($3) OR right($3, 1) = '/' AND starts_with(lower(repository), lower($3)))
  AND ($4::text IS NULL OR strpos(lower(error_class || ' ' || error), lower($4)) > 0)
  AND ($5::timestamptz IS NULL OR died_at >= $5) AND ($6::timestamptz IS NULL OR died_at < $6)`;

const parameters = ({ ids, event, repository, error, since, until }: DeadLetterFilter): unknown[] =>
  [ids, event, repository, error, since, until].map((value) => value ?? null);

const COLUMNS = `delivery_id::text AS id, event, repository, received_at AS "receivedAt", died_at AS "diedAt", source,
  error_class AS "errorClass", error, attempts, ${BYTES} AS bytes`;

/** The newest dead letters first. */
export async function listDeadLetters(on: Queryable, filter: DeadLetterFilter, limit: number): Promise<DeadLetter[]> {
  return sql(on, `SELECT ${COLUMNS} FROM octogauge.dead_letters i WHERE ${MATCHES} ORDER BY died_at DESC, delivery_id LIMIT $7`, [
    ...parameters(filter),
    limit,
  ]);
}

export async function countMatching(on: Queryable, filter: DeadLetterFilter): Promise<number> {
  const [row] = await sql<{ count: number }>(
    on,
    `SELECT count(*)::float8 AS count FROM octogauge.dead_letters WHERE ${MATCHES}`,
    parameters(filter),
  );
  return row?.count ?? 0;
}

/** One dead letter with the body as GitHub signed it; null if its pack cannot be read. */
export async function readDeadLetter(on: Queryable, id: string): Promise<(DeadLetter & { payload: Buffer | null }) | undefined> {
  const [letter] = await sql<DeadLetter>(on, `SELECT ${COLUMNS} FROM octogauge.dead_letters i WHERE delivery_id = $1`, [id]);
  const places = await sql<PayloadPlace>(on, `SELECT ${placeOf("true")} FROM octogauge.dead_letters i WHERE delivery_id = $1`, [id]);
  const [place] = await withPayloads(on, places);
  return letter && place && { ...letter, payload: place.payload };
}

const CHOSEN = `SELECT delivery_id FROM octogauge.dead_letters WHERE ${MATCHES} ORDER BY died_at, delivery_id LIMIT $7 FOR UPDATE SKIP LOCKED`;

// Replayed deliveries go to the overflow lanes, so that even many of them delay no other delivery. One statement moves them, so a
// delivery is never in both tables. The ledger gets the id again; otherwise a redelivery would be counted beside the replay.
const REPLAY = `
  WITH gone AS (DELETE FROM octogauge.dead_letters WHERE delivery_id = ANY (ARRAY(${CHOSEN})) RETURNING *
  ), known AS (INSERT INTO octogauge.delivery_ledger (delivery_id) SELECT delivery_id FROM gone ORDER BY 1 ON CONFLICT DO NOTHING
  ), back AS (
    INSERT INTO octogauge.inbox (priority, delivery_id, event, received_at, hook_id, form, projection, ${PLACE}, traceparent)
    SELECT priority % ${LANE_COUNT} + ${LANE_COUNT}, delivery_id, event, received_at, hook_id, form, NULL, ${PLACE}, traceparent FROM gone ORDER BY received_at, delivery_id
    RETURNING 1
  )
  SELECT count(*)::float8 AS count FROM back`;

/**
 * Moves the oldest matching dead letters back to the inbox, with their delivery ids.
 * @returns the number moved
 */
export async function replayDeadLetters(on: Queryable, filter: DeadLetterFilter, limit: number): Promise<number> {
  const [row] = await sql<{ count: number }>(on, REPLAY, [...parameters(filter), limit]);
  return row?.count ?? 0;
}

/** Deletes the oldest matching dead letters. @returns the number deleted */
export async function discardDeadLetters(on: Queryable, filter: DeadLetterFilter, limit: number): Promise<number> {
  const [row] = await sql<{ count: number }>(
    on,
    `WITH gone AS (DELETE FROM octogauge.dead_letters WHERE delivery_id = ANY (ARRAY(${CHOSEN})) RETURNING 1) SELECT count(*)::float8 AS count FROM gone`,
    [...parameters(filter), limit],
  );
  return row?.count ?? 0;
}
