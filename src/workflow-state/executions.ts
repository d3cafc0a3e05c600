import { countedOfJob, FACT, has } from "./facts.js";

/** The columns of a job row that identify its execution. */
export interface ExecutionRow {
  readonly jobId: number;
  readonly runId: number;
  /** 0 if unknown. */
  readonly runAttempt: number;
  readonly nameHash: number;
  /** 0 if it is not known yet, or if no runner took the job. */
  readonly execution: number;
  readonly facts: number;
}

/** Facts that each have their own counter or histogram. */
export const COUNTED = [FACT.queued, FACT.started, FACT.completed, FACT.queueTime, FACT.duration] as const;

/** Key of the jobs of one run with one name; only jobs of one group can share an execution. */
export const groupOf = ({ runId, nameHash }: Pick<ExecutionRow, "runId" | "nameHash">): string => `${runId}/${nameHash}`;

/**
 * Counts each fact once per execution among the jobs of one group (truth rule 9).
 * A job with unknown execution counts as the missing original of a copy. So the sum never decreases when a later event
 * reveals the execution.
 * @returns by fact, in the order of {@link COUNTED}
 */
export function countExecutions(rows: readonly ExecutionRow[]): number[] {
  return COUNTED.map((fact) => {
    const known = rows.filter(({ facts }) => has(countedOfJob(facts), fact));
    const executions = new Map<number, ExecutionRow[]>();
    for (const row of known) if (row.execution !== 0) executions.set(row.execution, [...(executions.get(row.execution) ?? []), row]);
    const single = known.filter(({ execution }) => execution === 0);
    const withoutOriginal = [...executions.values()].filter((jobs) => jobs.every(isCopy));
    return executions.size + single.length - pairs(single.filter(mayHaveRun), withoutOriginal);
  });
}

const isCopy = ({ facts }: ExecutionRow): boolean => has(facts, FACT.copied) && !has(facts, FACT.opened);

/** A copy has a runner, so a job that completed without one is not its original. */
const mayHaveRun = ({ facts }: ExecutionRow): boolean => !has(facts, FACT.completed);

/** Pairs jobs with groups of copies: a job can be the original if its attempt is earlier. Returns the number of pairs. */
function pairs(jobs: readonly ExecutionRow[], copies: readonly (readonly ExecutionRow[])[]): number {
  const attempts = jobs.map(({ runAttempt }) => runAttempt).sort((a, b) => a - b);
  // An unknown attempt of a copy counts as the latest.
  const firsts = copies
    .map((rows) => Math.min(...rows.map(({ runAttempt }) => runAttempt || Number.POSITIVE_INFINITY)))
    .sort((a, b) => a - b);
  let paired = 0;
  for (const first of firsts) if (paired < attempts.length && attempts[paired]! < first) paired += 1;
  return paired;
}
