import { int2Array, int4Array, int8Array, textArray, timestamptzArray } from "../database/binary-array.js";
import { type Queryable, sql } from "../database/sql.js";
import { STATE } from "./facts.js";
import type { JobObservation } from "./job-transition.js";
import { guardedUpsert } from "./upsert.js";

const UPSERT = guardedUpsert(
  "workflow_jobs",
  ["job_id"],
  [
    "job_id",
    "run_id",
    "run_attempt",
    "owner",
    "repo",
    "workflow",
    "runs_on",
    "status",
    "state",
    "rank",
    "facts",
    "updated_at",
    "event_time",
    "since",
  ],
  "$1::bigint[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::smallint[], $10::smallint[], $11::smallint[], $12::timestamptz[], $13::bigint[], $14::timestamptz[]",
);

/**
 * Writes what a batch observed of jobs, one observation for each job.
 * @returns the facts that became known by it, by job id
 */
export async function upsertJobs(on: Queryable, jobs: readonly JobObservation[]): Promise<Map<number, number>> {
  if (jobs.length === 0) return new Map();
  const rows = await sql<{ job_id: string; freshFacts: number }>(on, UPSERT, [
    int8Array(jobs.map((job) => job.jobId)),
    int8Array(jobs.map((job) => job.runId)),
    int4Array(jobs.map((job) => job.runAttempt)),
    textArray(jobs.map((job) => job.owner)),
    textArray(jobs.map((job) => job.repo)),
    textArray(jobs.map((job) => job.workflow)),
    textArray(jobs.map((job) => job.runsOn)),
    textArray(jobs.map((job) => job.status)),
    int2Array(jobs.map((job) => (job.completed ? STATE.completed : STATE.open))),
    int2Array(jobs.map((job) => job.rank)),
    int2Array(jobs.map((job) => job.facts)),
    timestamptzArray(jobs.map((job) => job.updatedAt)),
    int8Array(jobs.map((job) => job.eventTime)),
    timestamptzArray(jobs.map((job) => job.since)),
  ]);
  return new Map(rows.map((row) => [Number(row.job_id), row.freshFacts]));
}
