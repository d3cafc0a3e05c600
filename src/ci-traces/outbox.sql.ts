import { float8Array, int4Array, int8Array, type Queryable, sql, textArray } from "../database/index.js";
import { FACT, STATE } from "../workflow-state/index.js";
import type { JobRecord, RunRecord } from "./records.js";
import type { AttemptKey } from "./trace-ids.js";

const ADD_JOBS = `
  INSERT INTO octogauge.ci_trace_jobs (job_id, run_id, run_attempt, record)
  SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::int[], $4::text[]) AS u(job_id, run_id, run_attempt, record) ORDER BY job_id
  ON CONFLICT (job_id) DO NOTHING`;

const NEWEST_ATTEMPTS = `
  SELECT run_id::float8 AS "runId", max(run_attempt) AS "runAttempt" FROM octogauge.workflow_runs WHERE run_id = ANY ($1::bigint[]) GROUP BY run_id`;

/** Gives jobs whose attempt is not known the newest one of their run (truth rule 11). */
export async function withAttempts(on: Queryable, jobs: readonly JobRecord[]): Promise<readonly JobRecord[]> {
  const runs = new Set(jobs.filter(({ runAttempt }) => runAttempt === 0).map(({ runId }) => runId));
  if (runs.size === 0) return jobs;
  const newest = new Map((await sql<AttemptKey>(on, NEWEST_ATTEMPTS, [int8Array([...runs])])).map((row) => [row.runId, row.runAttempt]));
  return jobs.map((job) => (job.runAttempt === 0 ? { ...job, runAttempt: newest.get(job.runId) ?? 1 } : job));
}

/** Keeps jobs that have just completed, in the transaction that learnt it. */
export async function addJobs(on: Queryable, jobs: readonly JobRecord[]): Promise<void> {
  if (jobs.length === 0) return;
  await sql(on, ADD_JOBS, [int8Array(jobs.map(({ jobId }) => jobId)), ...keysOf(jobs), textArray(jobs.map((job) => JSON.stringify(job)))]);
}

const ADD_RUNS = `
  INSERT INTO octogauge.ci_trace_outbox (run_id, run_attempt, record, waits_for, due_at)
  SELECT u.run_id, u.run_attempt, u.record,
    ARRAY(SELECT j.job_id FROM octogauge.workflow_jobs j WHERE j.run_id = u.run_id AND j.run_attempt IN (0, u.run_attempt) AND j.state = ${STATE.open}),
    now() + make_interval(secs => $4)
  FROM unnest($1::bigint[], $2::int[], $3::text[]) AS u(run_id, run_attempt, record) ORDER BY u.run_id, u.run_attempt
  ON CONFLICT (run_id, run_attempt) DO NOTHING`;

/** The same of attempts. @param settle seconds until their traces are due */
export async function addRuns(on: Queryable, runs: readonly RunRecord[], settle: number): Promise<void> {
  if (runs.length === 0) return;
  await sql(on, ADD_RUNS, [...keysOf(runs), textArray(runs.map((run) => JSON.stringify(run))), settle]);
}

// The lock is taken in any case, whether the row changes or not: so whoever is just sending the attempt either ends before, and is
// seen to have, or comes after this transaction, and sees the new job (endSending).
const REOPEN = `
  WITH known AS MATERIALIZED (
    SELECT o.run_id, o.run_attempt FROM octogauge.ci_trace_outbox o
    WHERE (o.run_id, o.run_attempt) IN (SELECT * FROM unnest($1::bigint[], $2::int[]))
    ORDER BY o.run_id, o.run_attempt FOR UPDATE
  )
  UPDATE octogauge.ci_trace_outbox o SET
    pending_since = CASE WHEN o.due_at IS NULL THEN now() ELSE o.pending_since END,
    due_at = coalesce(o.due_at, now() + make_interval(secs => $3))
  FROM known k WHERE o.run_id = k.run_id AND o.run_attempt = k.run_attempt`;

/** Where an attempt was sent before its last job completed, that job is sent by itself. @param settle seconds until then */
export async function reopen(on: Queryable, attempts: readonly AttemptKey[], settle: number): Promise<void> {
  if (attempts.length > 0) await sql(on, REOPEN, [...keysOf(attempts), settle]);
}

/** An attempt to send what is due of a run attempt. Its number is the fence: whoever holds it may end it. */
export interface Sending extends AttemptKey {
  readonly number: number;
  readonly run: RunRecord;
  /** Whether the run itself was sent before, and only jobs are due. */
  readonly isSent: boolean;
}

// An attempt to send is counted in its own commit and has a lease: nobody holds a transaction while the collector thinks.
const CLAIM = `
  WITH due AS MATERIALIZED (
    SELECT o.run_id, o.run_attempt, o.pending_since + make_interval(secs => $3) > now() AND EXISTS (
      SELECT FROM octogauge.workflow_jobs j WHERE j.job_id = ANY (o.waits_for) AND j.facts & ${FACT.completed} = 0) AS waits
    FROM octogauge.ci_trace_outbox o WHERE o.due_at <= now() ORDER BY o.due_at LIMIT $1 FOR UPDATE SKIP LOCKED
  )
  UPDATE octogauge.ci_trace_outbox o SET
    attempts = o.attempts + CASE WHEN d.waits THEN 0 ELSE 1 END,
    due_at = now() + make_interval(secs => CASE WHEN d.waits THEN $4::float8 ELSE $2::float8 END)
  FROM due d WHERE o.run_id = d.run_id AND o.run_attempt = d.run_attempt
  RETURNING o.attempts AS number, o.record, o.sent_at IS NOT NULL AS "isSent", d.waits`;

/** Seconds. */
export interface PendingTrace {
  /** Until others may take what is claimed, if nothing is heard of it. */
  readonly lease: number;
  /** How long a trace waits at most for jobs that have not completed. */
  readonly most: number;
  /** Until it is looked at again whether they have. */
  readonly recheck: number;
}

/**
 * Begins to send what is due.
 * @returns that, and how many rows were looked at: some wait for jobs
 */
export async function claimDue(on: Queryable, limit: number, waiting: PendingTrace): Promise<{ sendings: Sending[]; lookedAt: number }> {
  type Row = { number: number; record: string; isSent: boolean; waits: boolean };
  const rows = await sql<Row>(on, CLAIM, [limit, waiting.lease, waiting.most, waiting.recheck]);
  const sendings = rows
    .filter(({ waits }) => !waits)
    .map(({ number, record, isSent }) => {
      const run = JSON.parse(record) as RunRecord;
      return { number, run, isSent, runId: run.runId, runAttempt: run.runAttempt };
    });
  return { sendings, lookedAt: rows.length };
}

/** The jobs that are there to be sent with these. */
export async function jobsOf(on: Queryable, attempts: readonly AttemptKey[]): Promise<JobRecord[]> {
  if (attempts.length === 0) return [];
  const rows = await sql<{ record: string }>(
    on,
    `SELECT j.record FROM unnest($1::bigint[], $2::int[]) AS u(run_id, run_attempt)
     JOIN octogauge.ci_trace_jobs j USING (run_id, run_attempt) ORDER BY j.job_id`,
    keysOf(attempts),
  );
  return rows.map(({ record }) => JSON.parse(record) as JobRecord);
}

// Those attempts that are still one's own, locked; the rest was taken over after its lease.
const HELD = `
  WITH held AS MATERIALIZED (
    SELECT o.run_id, o.run_attempt, u.delay, u.error
    FROM unnest($1::bigint[], $2::int[], $3::int[], $4::float8[], $5::text[]) AS u(run_id, run_attempt, number, delay, error)
    JOIN octogauge.ci_trace_outbox o ON o.run_id = u.run_id AND o.run_attempt = u.run_attempt AND o.attempts = u.number
    ORDER BY o.run_id, o.run_attempt FOR UPDATE OF o
  )`;

const END = `${HELD}
  UPDATE octogauge.ci_trace_outbox o SET
    due_at = CASE WHEN h.error = '' THEN NULL ELSE now() + make_interval(secs => h.delay) END,
    sent_at = CASE WHEN h.error = '' THEN coalesce(o.sent_at, now()) ELSE o.sent_at END,
    error = h.error
  FROM held h WHERE o.run_id = h.run_id AND o.run_attempt = h.run_attempt
  RETURNING o.run_id::float8 AS "runId", o.run_attempt AS "runAttempt", h.error = '' AS "isSent"`;

// A statement by itself: it has to see what was committed while the one before waited for its locks.
const FORGET_JOBS = "DELETE FROM octogauge.ci_trace_jobs WHERE job_id = ANY ($1::bigint[])";

const REOPEN_SENT = `
  UPDATE octogauge.ci_trace_outbox o SET pending_since = now(), due_at = now() + make_interval(secs => $3)
  FROM unnest($1::bigint[], $2::int[]) AS u(run_id, run_attempt)
  WHERE o.run_id = u.run_id AND o.run_attempt = u.run_attempt
    AND EXISTS (SELECT FROM octogauge.ci_trace_jobs j WHERE j.run_id = u.run_id AND j.run_attempt = u.run_attempt)`;

/** How an attempt to send ended. */
export interface Sent {
  readonly sending: Sending;
  /** Those that were sent with it. */
  readonly jobs: readonly JobRecord[];
  /** Why it failed; empty where it did not. */
  readonly error: string;
  /** Seconds until the next attempt, where it failed. */
  readonly delay: number;
}

/**
 * Ends attempts to send, in a transaction: what was sent is forgotten but for a row that knows so.
 * @param settle seconds until jobs are due that came while theirs was being sent
 */
export async function endSending(on: Queryable, all: readonly Sent[], settle: number): Promise<void> {
  type Row = AttemptKey & { isSent: boolean };
  const ended = await sql<Row>(on, END, [
    ...keysOf(all.map(({ sending }) => sending)),
    int4Array(all.map(({ sending }) => sending.number)),
    float8Array(all.map(({ delay }) => delay)),
    textArray(all.map(({ error }) => error)),
  ]);
  const sent = ended.filter(({ isSent }) => isSent);
  if (sent.length === 0) return;
  const own = new Set(sent.map(keyOf));
  const jobs = all.filter(({ sending }) => own.has(keyOf(sending))).flatMap((ended) => ended.jobs);
  if (jobs.length > 0) await sql(on, FORGET_JOBS, [int8Array(jobs.map(({ jobId }) => jobId))]);
  await sql(on, REOPEN_SENT, [...keysOf(sent), settle]);
}

/** In maps. */
export const keyOf = ({ runId, runAttempt }: AttemptKey): string => `${runId}/${runAttempt}`;

const keysOf = (attempts: readonly AttemptKey[]): Buffer[] => [
  int8Array(attempts.map(({ runId }) => runId)),
  int4Array(attempts.map(({ runAttempt }) => runAttempt)),
];
