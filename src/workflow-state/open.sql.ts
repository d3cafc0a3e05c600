import { type Queryable, sql } from "../database/index.js";
import { FACT, STATE } from "./facts.js";

/**
 * Truth rule 4, applied on read, because a write does not see the rows of concurrent transactions. An attempt is open unless a newer
 * attempt is known; a job is open unless its attempt has completed or a newer attempt is known.
 * LATERAL with LIMIT costs one index probe per open row, independent of the history.
 */
const NEWEST_ATTEMPT = `
  LEFT JOIN LATERAL (
    SELECT r.run_attempt, r.state FROM octogauge.workflow_runs r WHERE r.run_id = o.run_id ORDER BY r.run_attempt DESC LIMIT 1
  ) newest ON true`;

export const OPEN_RUNS = `octogauge.workflow_runs o ${NEWEST_ATTEMPT} WHERE o.state = ${STATE.open} AND newest.run_attempt = o.run_attempt`;

/** A job with unknown attempt (0) belongs to the newest attempt of its run. */
export const OPEN_JOBS = `octogauge.workflow_jobs o ${NEWEST_ATTEMPT} WHERE o.state = ${STATE.open}
  AND (newest.run_attempt IS NULL OR (o.run_attempt > 0 AND newest.run_attempt < o.run_attempt)
    OR (o.run_attempt IN (0, newest.run_attempt) AND newest.state <> ${STATE.completed}))`;

/** Attempt of a row of {@link OPEN_JOBS}. */
export const ATTEMPT_OF_JOB = "coalesce(nullif(o.run_attempt, 0), newest.run_attempt, 1)";

/** Start of the phase of a row of {@link OPEN_JOBS}. A job that waited for an approval is queued from its approval, by event time. */
const SINCE_OF_JOB = `CASE WHEN o.status = 'queued' AND o.facts & ${FACT.waited} <> 0
      THEN greatest(o.since, to_timestamp(o.event_time / 1000000.0)) ELSE o.since END`;

export interface OpenRuns {
  readonly owner: string;
  readonly repo: string;
  readonly workflow: string;
  readonly status: string;
  readonly count: number;
}

export interface OpenJobs extends OpenRuns {
  readonly runsOn: string;
  /** Age in seconds of the oldest job of the group in its phase, by the database's clock. */
  readonly oldestAge: number;
}

// This key can be hashed but not sorted, which forces a hash aggregate. With a long history the planner prefers
// sorting, which takes longer (for 5,000 open rows 9.4 instead of 7.0 ms).
const HASHED = "'0'::xid";

const COUNT_RUNS = `SELECT o.owner, o.repo, o.workflow, o.status, count(*)::float8 AS count FROM ${OPEN_RUNS} GROUP BY 1, 2, 3, 4, ${HASHED} ORDER BY 1, 2, 3, 4`;

const COUNT_JOBS = `
  SELECT o.owner, o.repo, o.workflow, o.runs_on AS "runsOn", o.status, count(*)::float8 AS count,
    greatest(0, extract(epoch FROM now() - min(${SINCE_OF_JOB})))::float8 AS "oldestAge"
  FROM ${OPEN_JOBS} GROUP BY 1, 2, 3, 4, 5, ${HASHED} ORDER BY 1, 2, 3, 4, 5`;

export async function countOpenRuns(on: Queryable): Promise<OpenRuns[]> {
  return sql<OpenRuns>(on, COUNT_RUNS);
}

export async function countOpenJobs(on: Queryable): Promise<OpenJobs[]> {
  return sql<OpenJobs>(on, COUNT_JOBS);
}

/** A job with unknown attempt may belong to a newer attempt whose events are late. */
const REOPENS = "interval '1 day'";

// Closes rows that the gauges already exclude, so that the partial indexes contain only open rows.
// Rows locked by a batch are skipped, because waiting for them in another lock order could deadlock.
const CLOSE_RUNS = `
  UPDATE octogauge.workflow_runs t SET state = ${STATE.closed}, changed_at = now()
  FROM (
    SELECT o.run_id, o.run_attempt FROM octogauge.workflow_runs o
    WHERE o.state = ${STATE.open} AND EXISTS (SELECT 1 FROM octogauge.workflow_runs r WHERE r.run_id = o.run_id AND r.run_attempt > o.run_attempt)
    FOR UPDATE OF o SKIP LOCKED
  ) closed
  WHERE t.run_id = closed.run_id AND t.run_attempt = closed.run_attempt`;

const CLOSE_JOBS = `
  UPDATE octogauge.workflow_jobs t SET state = ${STATE.closed}, changed_at = now()
  FROM (
    SELECT o.job_id FROM octogauge.workflow_jobs o
    WHERE o.state = ${STATE.open} AND EXISTS (
      SELECT 1 FROM octogauge.workflow_runs r
      WHERE r.run_id = o.run_id AND (
        (o.run_attempt > 0 AND r.run_attempt > o.run_attempt) OR (r.run_attempt = o.run_attempt AND r.state = ${STATE.completed})
        OR (o.run_attempt = 0 AND r.state = ${STATE.completed} AND r.changed_at < now() - ${REOPENS}
          AND NOT EXISTS (SELECT 1 FROM octogauge.workflow_runs n WHERE n.run_id = r.run_id AND n.run_attempt > r.run_attempt))))
    FOR UPDATE OF o SKIP LOCKED
  ) closed
  WHERE t.job_id = closed.job_id`;

/** Closes superseded attempts and the jobs that completed attempts left open. */
export async function closeLeftOpen(on: Queryable): Promise<void> {
  await sql(on, CLOSE_JOBS);
  await sql(on, CLOSE_RUNS);
}

export interface Lost {
  readonly owner: string;
  readonly repo: string;
  /** False if it was lost before and a later event opened it again; it is counted once. */
  readonly first: boolean;
}

// A row without a lookup since its last change gets extra time, so that lookups and redeliveries come first after an outage.
const grace = (parameter: string, attempt: string) => `CASE WHEN EXISTS (
        SELECT 1 FROM octogauge.lookups l WHERE l.run_id = o.run_id AND l.run_attempt = ${attempt} AND l.asked_at > o.changed_at) THEN 0 ELSE ${parameter}::float8 END`;

/** An attempt that GitHub still knew in a lookup within the last day is not lost. */
const notFound = (attempt: string) => `NOT EXISTS (
        SELECT 1 FROM octogauge.lookups l WHERE l.run_id = o.run_id AND l.run_attempt = ${attempt} AND l.found_at > now() - interval '1 day')`;

const MARK_LOST = `SET state = ${STATE.lost}, facts = t.facts | ${FACT.lost}, changed_at = now()`;

const LOSE_JOBS = `
  UPDATE octogauge.workflow_jobs t ${MARK_LOST}
  FROM (
    SELECT o.job_id, o.facts & ${FACT.lost} = 0 AS first FROM ${OPEN_JOBS}
      AND ${SINCE_OF_JOB} < now() - make_interval(secs => CASE WHEN o.status = 'waiting' THEN $4::float8 WHEN o.rank = 0 THEN $1::float8 ELSE $2::float8 END + ${grace("$5", ATTEMPT_OF_JOB)}) AND ${notFound(ATTEMPT_OF_JOB)}
    ORDER BY o.job_id LIMIT $3 FOR UPDATE OF o SKIP LOCKED
  ) late
  WHERE t.job_id = late.job_id
  RETURNING t.owner, t.repo, late.first`;

const LOSE_RUNS = `
  UPDATE octogauge.workflow_runs t ${MARK_LOST}
  FROM (
    SELECT o.run_id, o.run_attempt, o.facts & ${FACT.lost} = 0 AS first FROM ${OPEN_RUNS}
      AND o.since < now() - make_interval(secs => $1::float8 + ${grace("$3", "o.run_attempt")}) AND ${notFound("o.run_attempt")}
    ORDER BY 1, 2 LIMIT $2 FOR UPDATE OF o SKIP LOCKED
  ) late
  WHERE t.run_id = late.run_id AND t.run_attempt = late.run_attempt
  RETURNING t.owner, t.repo, late.first`;

/** Limit of each phase of a job, in seconds. A job that waits for an approval has the limit of its run. */
export interface JobLimits {
  readonly queued: number;
  readonly running: number;
  readonly waiting: number;
}

/** Truth rule 6 for jobs. @param graceSeconds extra time for jobs without a lookup @returns the lost jobs, at most `limit` */
export async function loseJobs(on: Queryable, limits: JobLimits, limit: number, graceSeconds: number): Promise<Lost[]> {
  return sql<Lost>(on, LOSE_JOBS, [limits.queued, limits.running, limit, limits.waiting, graceSeconds]);
}

/** Truth rule 6 for attempts. @param graceSeconds extra time for attempts without a lookup @returns the lost attempts, at most `limit` */
export async function loseRuns(on: Queryable, runLimitSeconds: number, limit: number, graceSeconds: number): Promise<Lost[]> {
  return sql<Lost>(on, LOSE_RUNS, [runLimitSeconds, limit, graceSeconds]);
}
