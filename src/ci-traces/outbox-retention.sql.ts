import { type Queryable, sql } from "../database/index.js";

const BATCH = 1_000;

const DROP = `
  WITH old AS MATERIALIZED (
    SELECT run_id, run_attempt FROM octogauge.ci_trace_outbox
    WHERE due_at IS NOT NULL AND pending_since < now() - make_interval(secs => $1) ORDER BY pending_since LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
  ), jobs AS (
    DELETE FROM octogauge.ci_trace_jobs j USING old o WHERE j.run_id = o.run_id AND j.run_attempt = o.run_attempt
  ), gone AS (
    DELETE FROM octogauge.ci_trace_outbox o USING old WHERE o.run_id = old.run_id AND o.run_attempt = old.run_attempt RETURNING 1
  )
  SELECT count(*)::integer AS count FROM gone`;

const FORGET_SENT = `
  WITH old AS MATERIALIZED (
    SELECT run_id, run_attempt FROM octogauge.ci_trace_outbox
    WHERE due_at IS NULL AND sent_at < now() - make_interval(secs => $1) LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM octogauge.ci_trace_outbox o USING old WHERE o.run_id = old.run_id AND o.run_attempt = old.run_attempt RETURNING 1
  )
  SELECT count(*)::integer AS count FROM gone`;

const FORGET_JOBS = `
  WITH old AS MATERIALIZED (
    SELECT job_id FROM octogauge.ci_trace_jobs WHERE noted_at < now() - make_interval(secs => $1) LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM octogauge.ci_trace_jobs j USING old WHERE j.job_id = old.job_id RETURNING 1
  )
  SELECT count(*)::integer AS count FROM gone`;

/** What one round removed of each kind. */
export interface Removed {
  /** Traces that could not be sent. */
  readonly dropped: number;
  /** Rows of traces that were sent. */
  readonly sent: number;
  /** Jobs whose run never completed. */
  readonly jobs: number;
  readonly isAll: boolean;
}

/** Removes a batch of each kind. @param seconds that a trace has to be sent in, and that the run of a job has to complete in */
export async function removeOld(on: Queryable, seconds: number): Promise<Removed> {
  const count = async (statement: string) => (await sql<{ count: number }>(on, statement, [seconds]))[0]?.count ?? 0;
  const removed = [await count(DROP), await count(FORGET_SENT), await count(FORGET_JOBS)] as const;
  return { dropped: removed[0], sent: removed[1], jobs: removed[2], isAll: removed.every((rows) => rows < BATCH) };
}
