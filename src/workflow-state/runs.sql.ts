import { int2Array, int4Array, int8Array, type Queryable, sql, textArray, timestamptzArray } from "../database/index.js";
import { STATE } from "./facts.js";
import type { RunObservation } from "./run-transition.js";
import { guardedUpsert, type Learned } from "./upsert.js";

const UPSERT = guardedUpsert(
  "workflow_runs",
  ["run_id", "run_attempt"],
  ["run_id", "run_attempt", "owner", "repo", "workflow", "status", "state", "rank", "facts", "updated_at", "event_time", "since"],
  ["owner", "repo", "workflow"],
  {},
  "$1::bigint[], $2::int[], $3::text[], $4::text[], $5::text[], $6::text[], $7::smallint[], $8::smallint[], $9::smallint[], $10::timestamptz[], $11::bigint[], $12::timestamptz[]",
);

/** The key of an attempt in maps. */
export const attemptKey = (runId: number | string, runAttempt: number | string): string => `${runId}/${runAttempt}`;

/**
 * Writes what a batch observed of run attempts, one observation for each.
 * @returns what changed, by {@link attemptKey}
 */
export async function upsertRuns(on: Queryable, runs: readonly RunObservation[]): Promise<Map<string, Learned>> {
  if (runs.length === 0) return new Map();
  const rows = await sql<Learned & { run_id: string; run_attempt: string }>(on, UPSERT, [
    int8Array(runs.map((run) => run.runId)),
    int4Array(runs.map((run) => run.runAttempt)),
    textArray(runs.map((run) => run.owner)),
    textArray(runs.map((run) => run.repo)),
    textArray(runs.map((run) => run.workflow)),
    textArray(runs.map((run) => run.status)),
    int2Array(runs.map((run) => (run.facts === 0 ? STATE.named : run.completed ? STATE.completed : STATE.open))),
    int2Array(runs.map((run) => run.rank)),
    int2Array(runs.map((run) => run.facts)),
    timestamptzArray(runs.map((run) => run.updatedAt)),
    int8Array(runs.map((run) => run.eventTime)),
    timestamptzArray(runs.map((run) => run.since)),
  ]);
  return new Map(rows.map((row) => [attemptKey(row.run_id, row.run_attempt), row]));
}

const KNOWN = `
  SELECT r.run_id::text, r.run_attempt::text FROM unnest($1::bigint[], $2::int[]) AS u(run_id, run_attempt), LATERAL (
    SELECT t.run_id, t.run_attempt FROM octogauge.workflow_runs t WHERE t.run_id = u.run_id AND t.run_attempt = u.run_attempt LIMIT 1) r`;

/** Which of these attempts have a row, by {@link attemptKey}: what only names such an attempt need not lock it. */
export async function knownAttempts(on: Queryable, runs: readonly RunObservation[]): Promise<ReadonlySet<string>> {
  if (runs.length === 0) return new Set();
  const rows = await sql<{ run_id: string; run_attempt: string }>(on, KNOWN, [
    int8Array(runs.map((run) => run.runId)),
    int4Array(runs.map((run) => run.runAttempt)),
  ]);
  return new Set(rows.map((row) => attemptKey(row.run_id, row.run_attempt)));
}

const WORKFLOW = "SELECT owner, repo, workflow FROM octogauge.workflow_runs WHERE run_id = $1 AND run_attempt = $2";

/** The labels of an attempt's row. */
export async function labelsOfRun(on: Queryable, { runId, runAttempt }: Pick<RunObservation, "runId" | "runAttempt">) {
  const [row] = await sql<Pick<RunObservation, "owner" | "repo" | "workflow">>(on, WORKFLOW, [runId, runAttempt]);
  return row;
}
