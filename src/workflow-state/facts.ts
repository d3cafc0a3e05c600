/**
 * What is known of a run attempt or a job, as bits. Each fact raises its counter once, when it is first
 * known; joining is a bitwise OR, so neither order nor repetition changes the outcome.
 */
export const FACT = {
  /** requested (attempt) or queued (job) */
  queued: 1,
  started: 2,
  completed: 4,
  /** the queue time was observed */
  queueTime: 8,
  /** the duration was observed */
  duration: 16,
  /** it was open for longer than GitHub allows, at least once */
  lost: 32,
} as const;

export const has = (facts: number, fact: number): boolean => (facts & fact) !== 0;

/** `workflow_runs.state` and `workflow_jobs.state`. */
export const STATE = {
  open: 0,
  completed: 1,
  /** superseded by a newer attempt, or left open by a completed one */
  closed: 2,
  /** open for longer than GitHub allows */
  lost: 3,
} as const;
