import type { MetricDelta } from "../counters/index.js";
import type { Queryable } from "../database/index.js";
import {
  attemptKey,
  COUNTED,
  countedOfJob,
  countedOfRun,
  countExecutions,
  type ExecutionRow,
  executionRows,
  FACT,
  groupOf,
  has,
  type JobObservation,
  type JobValues,
  knownAttempts,
  labelsOfRun,
  type Learned,
  lockRuns,
  type RunObservation,
  upsertJobs,
  upsertRuns,
  valuesOfJobs,
} from "../workflow-state/index.js";
import { countJob, countRun } from "./count-facts.js";

type Fresh<Key> = ReadonlyMap<Key, Learned>;

/** Writes the jobs of a batch and counts their new facts. @returns the facts by job */
export async function writeJobs(on: Queryable, delta: MetricDelta, jobs: ReadonlyMap<number, JobObservation>): Promise<Fresh<number>> {
  const observed = [...jobs.values()];
  const withCopies = await lockRuns(on, observed);
  const before = await executionRows(on, withCopies);
  const learned = await upsertJobs(on, observed);
  const fresh = new Map<number, number>();
  for (const [id, { facts, freshFacts }] of learned) {
    const counted = countedOfJob(facts) & ~countedOfJob(facts & ~freshFacts);
    if (counted !== 0 && !withCopies.has(jobs.get(id)!.runId)) fresh.set(id, counted);
  }
  if (withCopies.size > 0) {
    const after = await executionRows(on, withCopies);
    const ids = new Set(observed.filter(({ runId }) => withCopies.has(runId)).map(({ jobId }) => jobId));
    for (const [id, counted] of freshOfExecutions(before, after, ids)) fresh.set(id, counted);
  }
  const incomplete = [...fresh].filter(([id, counted]) => needsRow(jobs.get(id)!, counted)).map(([id]) => id);
  const values = await valuesOfJobs(on, incomplete);
  for (const [id, counted] of fresh) countJob(delta, filledIn(jobs.get(id)!, values.get(id)), counted);
  return learned;
}

/** Whether the labels or times to count must come from the row: the batch has only labels of a lookup, or an earlier event had the times. */
const needsRow = ({ facts }: JobObservation, counted: number): boolean =>
  !has(facts, FACT.labelled) || (counted & (FACT.queueTime | FACT.duration | FACT.completed) & ~facts) !== 0;

/** The observation of this batch, completed from the row. */
function filledIn(job: JobObservation, row: JobValues | undefined): JobObservation {
  if (row === undefined) return job;
  const { owner, repo, workflow, runsOn, conclusion, queueSeconds, durationSeconds } = row;
  return {
    ...job,
    ...(has(job.facts, FACT.labelled) ? {} : { owner, repo, workflow, runsOn }),
    ...(has(job.facts, FACT.completed) ? {} : { conclusion, durationSeconds }),
    ...(has(job.facts, FACT.queueTime) ? {} : { queueSeconds }),
  };
}

/** For jobs of runs with copies: the facts that count now and did not before, each assigned to a job of this batch. */
function freshOfExecutions(before: readonly ExecutionRow[], after: readonly ExecutionRow[], ids: ReadonlySet<number>): Map<number, number> {
  const fresh = new Map<number, number>();
  const [groupsBefore, groupsAfter] = [grouped(before), grouped(after)];
  const counts = (row: ExecutionRow, fact: number) => has(countedOfJob(row.facts), fact);
  for (const [group, rows] of groupsAfter) {
    const known = groupsBefore.get(group) ?? [];
    const [countsBefore, countsAfter] = [countExecutions(known), countExecutions(rows)];
    const own = rows.filter(({ jobId }) => ids.has(jobId)).sort((a, b) => a.jobId - b.jobId);
    for (const [index, fact] of COUNTED.entries()) {
      const taken = new Set(known.filter((row) => counts(row, fact)).map(idOfExecution));
      // Prefer jobs whose execution did not count before. Another job may have counted as the original of a copy.
      const [first, others]: [number[], number[]] = [[], []];
      for (const row of own.filter((one) => counts(one, fact))) {
        (taken.has(idOfExecution(row)) ? others : first).push(row.jobId);
        taken.add(idOfExecution(row));
      }
      for (const id of [...first, ...others].slice(0, Math.max(0, countsAfter[index]! - countsBefore[index]!)))
        fresh.set(id, (fresh.get(id) ?? 0) | fact);
    }
  }
  return fresh;
}

const idOfExecution = ({ execution, jobId }: ExecutionRow): string => (execution === 0 ? `job ${jobId}` : String(execution));

function grouped(rows: readonly ExecutionRow[]): Map<string, ExecutionRow[]> {
  const groups = new Map<string, ExecutionRow[]>();
  for (const row of rows) {
    const group = groups.get(groupOf(row));
    if (group) group.push(row);
    else groups.set(groupOf(row), [row]);
  }
  return groups;
}

/** Writes the attempts of a batch and counts their new facts. @returns the facts by attempt */
export async function writeRuns(on: Queryable, delta: MetricDelta, runs: ReadonlyMap<string, RunObservation>): Promise<Fresh<string>> {
  const observed = [...runs.values()];
  const known = await knownAttempts(
    on,
    observed.filter(({ facts }) => facts === 0),
  );
  const learned = await upsertRuns(
    on,
    observed.filter(({ facts, runId, runAttempt }) => facts !== 0 || !known.has(attemptKey(runId, runAttempt))),
  );
  for (const [key, { facts, freshFacts }] of learned) {
    const run = runs.get(key)!;
    const counted = countedOfRun(facts) & ~countedOfRun(facts & ~freshFacts);
    if (counted === 0) continue;
    const labels = has(run.facts, FACT.labelled) ? undefined : await labelsOfRun(on, run);
    countRun(delta, { ...run, ...labels }, counted);
  }
  return learned;
}
