import { int8Array, type Queryable, sql } from "../database/index.js";
import { STATE } from "./facts.js";
import { ATTEMPT_OF_JOB, OPEN_JOBS, OPEN_RUNS } from "./open.sql.js";

/** An attempt with an open run or job and no recent event. */
export interface StaleAttempt {
  readonly owner: string;
  readonly repo: string;
  readonly runId: number;
  readonly runAttempt: number;
  /** Whether the run is open, not only jobs of it. */
  readonly hasRun: boolean;
  /** ETag of GitHub's last response; null if it is older than ETAG_LIFETIME. */
  readonly runEtag: string | null;
  readonly jobsEtag: string | null;
  /** Time of this read by the database's clock, for {@link closeGone}. */
  readonly readAt: string;
}

/** ETags expire, because a response that became a dead letter would otherwise stay "unchanged" forever. */
const ETAG_LIFETIME = "interval '6 hours'";

// Oldest last event or lookup first. A repository may have been renamed, so the newest name is used.
const STALE = `
  SELECT (array_agg(o.owner ORDER BY o.changed_at DESC))[1] AS owner, (array_agg(o.repo ORDER BY o.changed_at DESC))[1] AS repo,
    o.run_id::float8 AS "runId", o.run_attempt AS "runAttempt", bool_or(o.is_run) AS "hasRun",
    max(l.run_etag) FILTER (WHERE l.answered_at > now() - ${ETAG_LIFETIME}) AS "runEtag", max(l.jobs_etag) FILTER (WHERE l.answered_at > now() - ${ETAG_LIFETIME}) AS "jobsEtag", now()::text AS "readAt"
  FROM (
    SELECT o.owner, o.repo, o.run_id, o.run_attempt, o.changed_at, true AS is_run FROM ${OPEN_RUNS}
    UNION ALL
    SELECT o.owner, o.repo, o.run_id, ${ATTEMPT_OF_JOB}, o.changed_at, false FROM ${OPEN_JOBS}
  ) o LEFT JOIN octogauge.lookups l USING (run_id, run_attempt)
  GROUP BY o.run_id, o.run_attempt
  HAVING greatest(min(o.changed_at), max(l.asked_at)) < now() - make_interval(secs => $1)
  ORDER BY greatest(min(o.changed_at), max(l.asked_at)), o.run_id LIMIT $2`;

const ASKED = `
  INSERT INTO octogauge.lookups AS l (run_id, run_attempt, asked_at, found_at, run_etag, jobs_etag, answered_at)
  VALUES ($1, $2, now(), CASE WHEN $3 THEN now() END, $4, $5, CASE WHEN $6 THEN now() END)
  ON CONFLICT (run_id, run_attempt) DO UPDATE SET
    asked_at = excluded.asked_at, found_at = coalesce(excluded.found_at, l.found_at), run_etag = excluded.run_etag, jobs_etag = excluded.jobs_etag,
    answered_at = coalesce(excluded.answered_at, l.answered_at)`;

// Rows that changed after the read stay open.
const CLOSE_JOBS = `
  UPDATE octogauge.workflow_jobs SET state = ${STATE.closed}, changed_at = now()
  WHERE job_id = ANY (ARRAY(
    SELECT job_id FROM octogauge.workflow_jobs
    WHERE run_id = $1 AND run_attempt IN (0, $2) AND state = ${STATE.open} AND changed_at <= $3::timestamptz ORDER BY job_id FOR UPDATE))`;

const CLOSE_RUN = `
  UPDATE octogauge.workflow_runs SET state = ${STATE.closed}, changed_at = now()
  WHERE run_id = $1 AND run_attempt = $2 AND state = ${STATE.open} AND changed_at <= $3::timestamptz`;

// An absent job is a check run of another app, or belongs to another attempt. GitHub's list may lag, so recent rows stay open.
const CLOSE_ABSENT = `
  UPDATE octogauge.workflow_jobs SET state = ${STATE.closed}, changed_at = now()
  WHERE job_id = ANY (ARRAY(
    SELECT job_id FROM octogauge.workflow_jobs
    WHERE run_id = $1 AND run_attempt IN (0, $2) AND state = ${STATE.open} AND changed_at <= $3::timestamptz - interval '1 minute' AND job_id <> ALL ($4::bigint[])
    ORDER BY job_id FOR UPDATE))`;

// Only events count: a lookup or backfill does not prove that a hook sends runs.
const KNOWS_RUNS = `
  SELECT FROM octogauge.counter_series
  WHERE metric = 'github_events_total' AND (labels LIKE 'event="workflow_run",%' OR labels LIKE 'event="",%') LIMIT 1`;

/** @param after seconds without an event or lookup */
export async function staleRuns(on: Queryable, after: number, limit: number): Promise<StaleAttempt[]> {
  return sql<StaleAttempt>(on, STALE, [after, limit]);
}

/** Whether a hook sends run events: with a hook for jobs alone, lookups must not add runs. */
export async function knowsRuns(on: Queryable): Promise<boolean> {
  return (await sql(on, KNOWS_RUNS)).length > 0;
}

/** Records a lookup. @param found whether GitHub knows the attempt @param hasChanged whether the response had a body */
export async function recordLookup(
  on: Queryable,
  { runId, runAttempt }: Pick<StaleAttempt, "runId" | "runAttempt">,
  found: boolean,
  etags: { readonly run: string | null; readonly jobs: string | null },
  hasChanged: boolean,
): Promise<void> {
  await sql(on, ASKED, [runId, runAttempt, found, etags.run, etags.jobs, hasChanged]);
}

/** Closes the open jobs of an attempt that are missing from GitHub's list of its jobs. */
export async function closeAbsentJobs(
  on: Queryable,
  { runId, runAttempt, readAt }: StaleAttempt,
  listed: readonly number[],
): Promise<void> {
  await sql(on, CLOSE_ABSENT, [runId, runAttempt, readAt, int8Array(listed)]);
}

/** Closes an attempt that GitHub no longer has, and its jobs. */
export async function closeGone(on: Queryable, { runId, runAttempt, readAt }: StaleAttempt): Promise<void> {
  await sql(on, CLOSE_JOBS, [runId, runAttempt, readAt]);
  await sql(on, CLOSE_RUN, [runId, runAttempt, readAt]);
}
