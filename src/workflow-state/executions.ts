import { countedOfJob, FACT, has } from "./facts.js";

/** A job row, as far as it tells its execution. */
export interface ExecutionRow {
  readonly jobId: number;
  readonly runId: number;
  /** 0 where it is not known. */
  readonly runAttempt: number;
  readonly nameHash: number;
  /** 0 where it is not known yet, or where no runner took the job. */
  readonly execution: number;
  readonly facts: number;
}

/** The facts that count, each by itself. */
export const COUNTED = [FACT.queued, FACT.started, FACT.completed, FACT.queueTime, FACT.duration] as const;

/** Jobs of one run with one name; only those can share an execution. */
export const groupOf = ({ runId, nameHash }: Pick<ExecutionRow, "runId" | "nameHash">): string => `${runId}/${nameHash}`;

/**
 * How often each fact counts among jobs of one group (truth rule 9): once for each execution.
 * A job whose execution is not known yet may be the original of a copy whose original is missing. It counts as that original,
 * so that the sum never has to go down when the job's later events tell its execution.
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

/** A job that completed without a runner is no original of a copy that has one. */
const mayHaveRun = ({ facts }: ExecutionRow): boolean => !has(facts, FACT.completed);

/** How many jobs can each be the original of another group of copies: the original is of an earlier attempt. */
function pairs(jobs: readonly ExecutionRow[], copies: readonly (readonly ExecutionRow[])[]): number {
  const attempts = jobs.map(({ runAttempt }) => runAttempt).sort((a, b) => a - b);
  // An unknown attempt of a copy is later than any.
  const firsts = copies
    .map((rows) => Math.min(...rows.map(({ runAttempt }) => runAttempt || Number.POSITIVE_INFINITY)))
    .sort((a, b) => a - b);
  let paired = 0;
  for (const first of firsts) if (paired < attempts.length && attempts[paired]! < first) paired += 1;
  return paired;
}
