import { int4Array, int8Array, type Queryable, sql } from "../database/index.js";
import type { ExecutionRow } from "./executions.js";
import { FACT, has } from "./facts.js";
import type { JobObservation } from "./job-transition.js";

/**
 * Runs share advisory locks by the rest of their id. A transaction takes at most so many: PostgreSQL has room for some 6,400 locks of all
 * kinds with 100 connections, and where it is full, every statement of the server fails.
 */
const STRIPES = 256;
/** The first key of our advisory locks: who writes jobs, and who counts executions. */
const [WRITE, COUNT] = [0x0c7a_0001, 0x0c7a_0002];

const LOCK_SHARED = `SELECT pg_advisory_xact_lock_shared(${WRITE}, stripe) FROM unnest($1::int[]) stripe`;
const LOCK = `SELECT CASE WHEN exclusive THEN pg_advisory_xact_lock(${WRITE}, stripe) ELSE pg_advisory_xact_lock_shared(${WRITE}, stripe) END
  FROM unnest($1::int[], $2::boolean[]) AS u(stripe, exclusive)`;
const LOCK_COUNT = `SELECT pg_advisory_xact_lock(${COUNT}, stripe) FROM unnest($1::int[]) stripe`;
const WITH_COPIES = `SELECT DISTINCT run_id::float8 AS "runId" FROM octogauge.workflow_jobs WHERE run_id = ANY ($1::bigint[]) AND is_copy`;
const ROWS = `
  SELECT job_id::float8 AS "jobId", run_id::float8 AS "runId", run_attempt AS "runAttempt", name_hash::float8 AS "nameHash", execution::float8 AS execution, facts
  FROM octogauge.workflow_jobs WHERE run_id = ANY ($1::bigint[])`;

const stripesOf = (runs: Iterable<number>): number[] => [...new Set([...runs].map((run) => run % STRIPES))].sort((a, b) => a - b);

/**
 * Keeps copies and originals of one run from being written side by side, where neither transaction would see the other's row. Originals share
 * a lock, a copy has it alone. Call it before the jobs are written: locks are taken in the order of their stripes.
 * @returns the runs whose executions have to be counted, since they have copies, or get one by these jobs
 */
export async function lockRuns(on: Queryable, jobs: readonly JobObservation[]): Promise<ReadonlySet<number>> {
  if (jobs.length === 0) return new Set();
  const runs = new Set(jobs.map(({ runId }) => runId));
  const copied = new Set(jobs.filter(({ facts }) => has(facts, FACT.copied)).map(({ runId }) => runId));
  const alone = new Set(stripesOf(copied));
  const stripes = stripesOf(runs);
  if (alone.size === 0) await sql(on, LOCK_SHARED, [int4Array(stripes)]);
  else await sql(on, LOCK, [int4Array(stripes), stripes.map((stripe) => alone.has(stripe))]);
  const known = await sql<{ runId: number }>(on, WITH_COPIES, [int8Array([...runs])]);
  const counted = new Set([...copied, ...known.map(({ runId }) => runId)]);
  if (counted.size > 0) await sql(on, LOCK_COUNT, [int4Array(stripesOf(counted))]);
  return counted;
}

/** All jobs of these runs. */
export async function executionRows(on: Queryable, runs: ReadonlySet<number>): Promise<ExecutionRow[]> {
  return runs.size === 0 ? [] : sql<ExecutionRow>(on, ROWS, [int8Array([...runs])]);
}
