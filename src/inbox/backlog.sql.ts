import { type Queryable, sql } from "../database/sql.js";
import { LANES } from "./delivery.js";

/** What waits in one lane. */
export interface Backlog {
  readonly priority: number;
  readonly pending: number;
  /** Seconds, by the database's clock. */
  readonly oldestAge: number;
}

const VALUES = LANES.map((lane) => `(${lane}::smallint)`).join(", ");

// The lanes are few and known; each is asked for its head, which the key gives at once.
const BACKLOG = `
  SELECT p.priority, (SELECT count(*) FROM octogauge.inbox i WHERE i.priority = p.priority)::float8 AS pending,
    coalesce(greatest(0, extract(epoch FROM now() - (SELECT received_at FROM octogauge.inbox i WHERE i.priority = p.priority ORDER BY seq LIMIT 1))), 0)::float8 AS "oldestAge"
  FROM (VALUES ${VALUES}) p(priority) ORDER BY 1`;

/** Every lane, empty ones included. */
export async function readBacklog(on: Queryable): Promise<Backlog[]> {
  return sql<Backlog>(on, BACKLOG);
}

/** The oldest row of each lane. */
export const HEADS = `(VALUES ${VALUES}) p(priority),
    LATERAL (SELECT received_at FROM octogauge.inbox i WHERE i.priority = p.priority ORDER BY seq LIMIT 1) head`;

const OLDEST = `SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0)::float8 AS age FROM ${HEADS}`;

/** Age of the oldest pending delivery in seconds, 0 for an empty inbox; cheap at any backlog. */
export async function oldestPendingAge(on: Queryable): Promise<number> {
  const [row] = await sql<{ age: number }>(on, OLDEST);
  return Math.max(0, row?.age ?? 0);
}
