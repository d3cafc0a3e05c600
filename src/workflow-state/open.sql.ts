import { type Queryable, sql } from "../database/index.js";
import { FACT, STATE } from "./facts.js";

/**
 * Truth rule 4, decided when it is asked for: an attempt is open unless a newer attempt of its run is known; a job is
 * open unless its attempt has completed or a newer one is known. Deciding it while writing would need the rows of
 * transactions still under way; the answer here is a function of committed rows alone, whatever their order.
 * LATERAL with LIMIT keeps it one index probe for each open row, however long the history is.
 */
const NEWEST_ATTEMPT = `
  LEFT JOIN LATERAL (
    SELECT r.run_attempt, r.state FROM octogauge.workflow_runs r WHERE r.run_id = o.run_id ORDER BY r.run_attempt DESC LIMIT 1
  ) newest ON true`;

export const OPEN_RUNS = `octogauge.workflow_runs o ${NEWEST_ATTEMPT} WHERE o.state = ${STATE.open} AND newest.run_attempt = o.run_attempt`;

/** A job whose attempt is not known (0) belongs to the newest one of its run. */
export const OPEN_JOBS = `octogauge.workflow_jobs o ${NEWEST_ATTEMPT} WHERE o.state = ${STATE.open}
  AND (newest.run_attempt IS NULL OR (o.run_attempt > 0 AND newest.run_attempt < o.run_attempt)
    OR (o.run_attempt IN (0, newest.run_attempt) AND newest.state <> ${STATE.completed}))`;

/** Of a row of {@link OPEN_JOBS}. */
export const ATTEMPT_OF_JOB = "coalesce(nullif(o.run_attempt, 0), newest.run_attempt, 1)";

/** Since when a row of {@link OPEN_JOBS} is in its phase: a job that waited for an approval is queued from that on, by the time of the event. */
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
  /** Age of the oldest in its phase, in seconds by the database's clock. */
  readonly oldestAge: number;
}

// A key that can be hashed but not sorted: beside a long history the planner holds sorting all open rows to be as cheap as
// hashing them, which it is not (9.4 instead of 7.0 ms for 5,000).
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

/** A job whose attempt is not known may turn out to be of a newer one, whose events are late. */
const REOPENS = "interval '1 day'";

// What the gauges already leave out is closed for good, so that the partial indexes hold what is open and no more.
// Rows that a batch holds are skipped: waiting for them out of the batches' lock order could end in a deadlock.
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
  /** False where it had been lost before and a later event opened it again: counted once. */
  readonly first: boolean;
}

// What may be asked for is not lost before it was: after a long outage, look-ups and redeliveries come first. Seconds.
const grace = (parameter: string, attempt: string) => `CASE WHEN EXISTS (
        SELECT 1 FROM octogauge.lookups l WHERE l.run_id = o.run_id AND l.run_attempt = ${attempt} AND l.asked_at > o.changed_at) THEN 0 ELSE ${parameter}::float8 END`;

/** For how long an answer of GitHub's that knew the attempt keeps it from being lost. */
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

/** How long a job may be open in each phase, in seconds; one that waits for an approval may do so as long as its run. */
export interface JobLimits {
  readonly queued: number;
  readonly running: number;
  readonly waiting: number;
}

/** Truth rule 6 for jobs. @param patience seconds beyond the limit for what was not asked for yet @returns one entry for each job that was lost, at most `most` */
export async function loseJobs(on: Queryable, limits: JobLimits, most: number, patience: number): Promise<Lost[]> {
  return sql<Lost>(on, LOSE_JOBS, [limits.queued, limits.running, most, limits.waiting, patience]);
}

/** Truth rule 6 for attempts. Limit and patience in seconds. @returns one entry for each attempt that was lost, at most `limit` */
export async function loseRuns(on: Queryable, runLimit: number, limit: number, patience: number): Promise<Lost[]> {
  return sql<Lost>(on, LOSE_RUNS, [runLimit, limit, patience]);
}
