import { isCopied, type SimulatedJobEvent, type JobHistory, latest } from "./job-truth.js";

/** Key of a job's execution within its run; undefined if no event gives it. */
function keyOf(history: JobHistory): string | undefined {
  const withStart = history.filter(
    ({ name, runner, startedAt, createdAt, status }) =>
      name !== "" &&
      runner !== undefined &&
      startedAt !== undefined &&
      (status === "completed" || (status === "in_progress" && startedAt !== createdAt)),
  );
  if (withStart.length === 0) return undefined;
  const { name, runner, startedAt } = latest(withStart);
  return JSON.stringify([name, runner, startedAt]);
}

const firstAttempt = (jobs: readonly JobHistory[]): number => Math.min(...jobs.flat().map(({ attempt }) => attempt ?? Infinity));

const started = (history: JobHistory): boolean => history.some(({ status }) => status === "in_progress");

/**
 * Groups the jobs of one run by execution: the same name, start and runner. Copies without their original are grouped with
 * a job of the same name from an earlier attempt whose execution is unknown.
 */
export function executionsOf(jobs: readonly JobHistory[]): JobHistory[][] {
  const keyed = new Map<string, JobHistory[]>();
  const single: JobHistory[] = [];
  for (const job of jobs) {
    const key = keyOf(job);
    if (key === undefined) single.push(job);
    else keyed.set(key, [...(keyed.get(key) ?? []), job]);
  }
  const executions = [...keyed.values()];
  const orphans = executions
    .filter((all) => all.every((job) => job.every((event: SimulatedJobEvent) => isCopied(event))))
    .toSorted((a, b) => firstAttempt(a) - firstAttempt(b));
  const free = new Set(
    single.filter((job) => latest(job).status !== "completed").toSorted((a, b) => Number(started(b)) - Number(started(a))),
  );
  for (const orphan of orphans) {
    const original = [...free].find((job) => job[0]!.name === orphan[0]![0]!.name && (job[0]!.attempt ?? 0) < firstAttempt(orphan));
    if (original === undefined) continue;
    free.delete(original);
    orphan.push(original);
  }
  return [...executions, ...single.filter((job) => !executions.some((all) => all.includes(job))).map((job) => [job])];
}
