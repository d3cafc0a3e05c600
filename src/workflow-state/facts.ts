/**
 * What is known of a run attempt or a job, as bits. Joining is a bitwise OR, so neither order nor repetition changes the outcome.
 * What is counted is a function of these bits ({@link countedOfJob}, {@link countedOfRun}): each counter rises once, when its fact becomes known.
 */
export const FACT = {
  /** requested (attempt) or queued (job) */
  queued: 1,
  started: 2,
  completed: 4,
  /** an event tells the queue time; it counts once the job is known to have started */
  queueTime: 8,
  /** an event tells the duration; that of a job counts once it is known to have started */
  duration: 16,
  /** it was open for longer than GitHub allows, at least once */
  lost: 32,
  /** the job waited for an approval, which is not queueing */
  waited: 64,
  /** the job is a copy that a re-run made of a finished one */
  copied: 128,
  /** the attempt failed at the second of its start: it has a duration only if an event says that it started */
  instant: 256,
  /** an event that is no completion came: then the job is no copy, which has only its completion */
  opened: 1024,
  /** an event gave the labels, not only a look-up */
  labelled: 512,
} as const;

export const has = (facts: number, fact: number): boolean => (facts & fact) !== 0;

const PLAIN = FACT.queued | FACT.started | FACT.completed;

/** The facts of a job that count. */
export function countedOfJob(facts: number): number {
  let counted = facts & PLAIN;
  if (!has(facts, FACT.started)) return counted;
  if (has(facts, FACT.queueTime) && !has(facts, FACT.waited)) counted |= FACT.queueTime;
  return counted | (facts & FACT.duration);
}

/** The facts of an attempt that count. */
export function countedOfRun(facts: number): number {
  const counted = facts & (PLAIN | FACT.duration);
  return has(facts, FACT.instant) && has(facts, FACT.started) ? counted | FACT.duration : counted;
}

/** `workflow_runs.state` and `workflow_jobs.state`. */
export const STATE = {
  open: 0,
  completed: 1,
  /** superseded by a newer attempt, or left open by a completed one */
  closed: 2,
  /** open for longer than GitHub allows */
  lost: 3,
  /** an attempt that only its jobs have named: it supersedes older attempts, and is in no gauge */
  named: 4,
} as const;
