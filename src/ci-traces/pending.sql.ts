import { type Queryable, sql } from "../database/index.js";

/** Run attempts whose traces are yet to be sent, in whole or in part, and for how long the oldest has been (seconds). */
export async function readPendingTraces(on: Queryable): Promise<{ pending: number; oldestAge: number }> {
  const [row] = await sql<{ pending: number; oldestAge: number }>(
    on,
    `SELECT count(*)::float8 AS pending, coalesce(greatest(0, extract(epoch FROM now() - min(pending_since))), 0)::float8 AS "oldestAge"
     FROM octogauge.ci_trace_outbox WHERE due_at IS NOT NULL`,
  );
  return row ?? { pending: 0, oldestAge: 0 };
}
