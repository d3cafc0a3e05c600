import {
  boolArray,
  float8Array,
  int2Array,
  int4Array,
  int8Array,
  type Queryable,
  sql,
  textArray,
  timestamptzArray,
} from "../database/index.js";
import { FACT, has, STATE } from "./facts.js";
import type { JobObservation } from "./job-transition.js";
import { guardedUpsert, type Learned } from "./upsert.js";

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
    "name_hash",
    "execution",
    "conclusion",
    "queue_seconds",
    "is_copy",
  ],
  ["owner", "repo", "workflow", "runs_on"],
  {
    run_attempt: "greatest(t.run_attempt, excluded.run_attempt)",
    name_hash: "greatest(t.name_hash, excluded.name_hash)",
    execution:
      "CASE WHEN excluded.execution <> 0 AND (t.execution = 0 OR excluded.updated_at >= t.updated_at) THEN excluded.execution ELSE t.execution END",
    conclusion: "CASE WHEN excluded.conclusion <> '' THEN excluded.conclusion ELSE t.conclusion END",
    queue_seconds: "greatest(t.queue_seconds, excluded.queue_seconds)",
    is_copy: "t.is_copy OR excluded.is_copy",
  },
  "$1::bigint[], $2::bigint[], $3::int[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::smallint[], $10::smallint[], $11::smallint[], $12::timestamptz[], $13::bigint[], $14::timestamptz[], $15::bigint[], $16::bigint[], $17::text[], $18::float8[], $19::boolean[]",
);

/**
 * Writes what a batch observed of jobs, one observation for each job.
 * @returns what changed, by job id
 */
export async function upsertJobs(on: Queryable, jobs: readonly JobObservation[]): Promise<Map<number, Learned>> {
  if (jobs.length === 0) return new Map();
  const rows = await sql<Learned & { job_id: string }>(on, UPSERT, [
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
    int8Array(jobs.map((job) => job.nameHash)),
    int8Array(jobs.map((job) => job.execution)),
    textArray(jobs.map((job) => (job.completed ? job.conclusion : ""))),
    float8Array(jobs.map((job) => (has(job.facts, FACT.queueTime) ? job.queueSeconds : null))),
    boolArray(jobs.map((job) => has(job.facts, FACT.copied))),
  ]);
  return new Map(rows.map((row) => [Number(row.job_id), row]));
}

const VALUES = `
  SELECT job_id::float8 AS "jobId", owner, repo, workflow, runs_on AS "runsOn", conclusion,
    coalesce(queue_seconds, 0) AS "queueSeconds", greatest(0, date_part('epoch', updated_at - since)) AS "durationSeconds"
  FROM octogauge.workflow_jobs WHERE job_id = ANY ($1::bigint[])`;

/** Labels and values of a job as its row has them, for what one event alone does not tell. */
export type JobValues = Pick<JobObservation, "owner" | "repo" | "workflow" | "runsOn" | "conclusion" | "queueSeconds" | "durationSeconds">;

export async function valuesOfJobs(on: Queryable, ids: readonly number[]): Promise<ReadonlyMap<number, JobValues>> {
  if (ids.length === 0) return new Map();
  const rows = await sql<JobValues & { jobId: number }>(on, VALUES, [int8Array(ids)]);
  return new Map(rows.map((row) => [row.jobId, row]));
}
