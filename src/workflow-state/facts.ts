/**
 * Known facts of a run attempt or a job, as bits. Facts are merged by bitwise OR, so order and duplicates do not matter.
 * {@link countedOfJob} and {@link countedOfRun} derive the counted facts: each counter increases once, when its fact becomes known.
 */
export const FACT = {
  /** requested (attempt) or queued (job) */
  queued: 1,
  started: 2,
  completed: 4,
  /** an event gives the queue time; it counts only if the job started */
  queueTime: 8,
  /** an event gives the duration; for a job it counts only if the job started */
  duration: 16,
  /** the run or job was open longer than GitHub allows, at least once */
  lost: 32,
  /** the job waited for an approval, which is not queueing */
  waited: 64,
  /** a re-run copied this finished job */
  copied: 128,
  /** the attempt failed in the second of its start: its duration counts only if an event proves that it started */
  instant: 256,
  /** an event other than completed is known; a copy has only a completed event */
  opened: 1024,
  /** an event gave the labels, not only a lookup */
  labelled: 512,
} as const;

export const has = (facts: number, fact: number): boolean => (facts & fact) !== 0;

const PLAIN = FACT.queued | FACT.started | FACT.completed;

/** The counted facts of a job. */
export function countedOfJob(facts: number): number {
  let counted = facts & PLAIN;
  if (!has(facts, FACT.started)) return counted;
  if (has(facts, FACT.queueTime) && !has(facts, FACT.waited)) counted |= FACT.queueTime;
  return counted | (facts & FACT.duration);
}

/** The counted facts of an attempt. */
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
  /** open longer than GitHub allows */
  lost: 3,
  /** known only from its jobs: it supersedes older attempts, but is in no gauge */
  named: 4,
} as const;
