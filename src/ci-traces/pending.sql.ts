import { type Queryable, sql } from "../database/index.js";

/** Number of unsent or partly sent traces, and the age of the oldest in seconds. */
export async function readPendingTraces(on: Queryable): Promise<{ pending: number; oldestAge: number }> {
  const [row] = await sql<{ pending: number; oldestAge: number }>(
    on,
    `SELECT count(*)::float8 AS pending, coalesce(greatest(0, extract(epoch FROM now() - min(pending_since))), 0)::float8 AS "oldestAge"
     FROM octogauge.ci_trace_outbox WHERE due_at IS NOT NULL`,
  );
  return row ?? { pending: 0, oldestAge: 0 };
}
