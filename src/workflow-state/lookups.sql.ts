import { int8Array, type Queryable, sql } from "../database/index.js";
import { STATE } from "./facts.js";
import { ATTEMPT_OF_JOB, OPEN_JOBS, OPEN_RUNS } from "./open.sql.js";

/** An attempt of which something is open that was not heard of for long. */
export interface SilentAttempt {
  readonly owner: string;
  readonly repo: string;
  readonly runId: number;
  readonly runAttempt: number;
  /** Whether the run itself is open, not only jobs of it. */
  readonly hasRun: boolean;
  /** The tags of GitHub's last answers, where those are young enough to be trusted to have been applied. */
  readonly runEtag: string | null;
  readonly jobsEtag: string | null;
  /** When this was read, by the database's clock, for {@link closeGone}. */
  readonly readAt: string;
}

/** An answer that ended as a dead letter would otherwise be "unchanged" for ever. */
const TRUST = "interval '6 hours'";

// The longest without news first, be it an event or an answer. A run may have got another name meanwhile: the newest counts.
const SILENT = `
  SELECT (array_agg(o.owner ORDER BY o.changed_at DESC))[1] AS owner, (array_agg(o.repo ORDER BY o.changed_at DESC))[1] AS repo,
    o.run_id::float8 AS "runId", o.run_attempt AS "runAttempt", bool_or(o.is_run) AS "hasRun",
    max(l.run_etag) FILTER (WHERE l.answered_at > now() - ${TRUST}) AS "runEtag", max(l.jobs_etag) FILTER (WHERE l.answered_at > now() - ${TRUST}) AS "jobsEtag", now()::text AS "readAt"
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

// Not what somebody was heard of after the question.
const CLOSE_JOBS = `
  UPDATE octogauge.workflow_jobs SET state = ${STATE.closed}, changed_at = now()
  WHERE job_id = ANY (ARRAY(
    SELECT job_id FROM octogauge.workflow_jobs
    WHERE run_id = $1 AND run_attempt IN (0, $2) AND state = ${STATE.open} AND changed_at <= $3::timestamptz ORDER BY job_id FOR UPDATE))`;

const CLOSE_RUN = `
  UPDATE octogauge.workflow_runs SET state = ${STATE.closed}, changed_at = now()
  WHERE run_id = $1 AND run_attempt = $2 AND state = ${STATE.open} AND changed_at <= $3::timestamptz`;

// A check run of another app may have sent it, or it belongs to another attempt. GitHub's list may be a little behind.
const CLOSE_ABSENT = `
  UPDATE octogauge.workflow_jobs SET state = ${STATE.closed}, changed_at = now()
  WHERE job_id = ANY (ARRAY(
    SELECT job_id FROM octogauge.workflow_jobs
    WHERE run_id = $1 AND run_attempt IN (0, $2) AND state = ${STATE.open} AND changed_at <= $3::timestamptz - interval '1 minute' AND job_id <> ALL ($4::bigint[])
    ORDER BY job_id FOR UPDATE))`;

// Of events alone: what was looked up or filled in tells of no hook.
const KNOWS_RUNS = `
  SELECT FROM octogauge.counter_series
  WHERE metric = 'github_events_total' AND (labels LIKE 'event="workflow_run",%' OR labels LIKE 'event="",%') LIMIT 1`;

/** @param after seconds without news @param limit at most so many */
export async function staleRuns(on: Queryable, after: number, limit: number): Promise<SilentAttempt[]> {
  return sql<SilentAttempt>(on, SILENT, [after, limit]);
}

/** Whether events of runs come at all: who subscribes to jobs alone is to get no runs. */
export async function knowsRuns(on: Queryable): Promise<boolean> {
  return (await sql(on, KNOWS_RUNS)).length > 0;
}

/** Notes that an attempt was asked for. @param found whether GitHub knew it @param inFull whether it said how it stands */
export async function noteAsked(
  on: Queryable,
  { runId, runAttempt }: Pick<SilentAttempt, "runId" | "runAttempt">,
  found: boolean,
  etags: { readonly run: string | null; readonly jobs: string | null },
  inFull: boolean,
): Promise<void> {
  await sql(on, ASKED, [runId, runAttempt, found, etags.run, etags.jobs, inFull]);
}

/** Closes the open jobs of an attempt that GitHub's list of all its jobs does not have. */
export async function closeAbsentJobs(
  on: Queryable,
  { runId, runAttempt, readAt }: SilentAttempt,
  listed: readonly number[],
): Promise<void> {
  await sql(on, CLOSE_ABSENT, [runId, runAttempt, readAt, int8Array(listed)]);
}

/** Closes an attempt that GitHub no longer has, and its jobs. */
export async function closeGone(on: Queryable, { runId, runAttempt, readAt }: SilentAttempt): Promise<void> {
  await sql(on, CLOSE_JOBS, [runId, runAttempt, readAt]);
  await sql(on, CLOSE_RUN, [runId, runAttempt, readAt]);
}
