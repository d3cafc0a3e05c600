import { actionLabel, COUNTERS, eventLabel, HISTOGRAMS, type MetricDelta } from "../counters/index.js";
import { FACT, has, type JobObservation, type RunObservation } from "../workflow-state/index.js";

/** @param events number of events, by name and action */
export function countEvents(delta: MetricDelta, events: ReadonlyMap<string, ReadonlyMap<string, number>>): void {
  for (const [event, byAction] of events)
    for (const [action, times] of byAction) delta.add(COUNTERS.events, [eventLabel(event), actionLabel(event, action)], times);
}

/** Labels and values of a job for counters and histograms. */
type CountedJob = Pick<JobObservation, "owner" | "repo" | "workflow" | "runsOn" | "conclusion" | "queueSeconds" | "durationSeconds">;

/** Adds the new facts of an attempt to counters and histograms. */
export function countRun(delta: MetricDelta, run: RunObservation, fresh: number): void {
  const branch = [run.owner, run.repo, run.workflow, run.branch];
  if (has(fresh, FACT.queued)) delta.add(COUNTERS.runsRequested, [...branch, run.event]);
  if (has(fresh, FACT.started)) delta.add(COUNTERS.runsStarted, [...branch, run.event]);
  if (has(fresh, FACT.completed)) delta.add(COUNTERS.runsCompleted, [...branch, run.event, run.conclusion]);
  if (has(fresh, FACT.duration)) {
    // The start became known after a failure at run_started_at, which has the duration 0 (truth rule 12).
    const late = has(run.facts, FACT.duration) || has(run.facts, FACT.instant) ? run.conclusion : "failure";
    delta.observe(HISTOGRAMS.runDuration, [...branch, late], run.durationSeconds);
  }
}

/** Adds the new facts of a job to counters and histograms. */
export function countJob(delta: MetricDelta, job: CountedJob, fresh: number): void {
  const labels = [job.owner, job.repo, job.workflow, job.runsOn];
  if (has(fresh, FACT.queued)) delta.add(COUNTERS.jobsQueued, labels);
  if (has(fresh, FACT.started)) delta.add(COUNTERS.jobsStarted, labels);
  if (has(fresh, FACT.completed)) delta.add(COUNTERS.jobsCompleted, [...labels, job.conclusion]);
  if (has(fresh, FACT.queueTime)) delta.observe(HISTOGRAMS.jobQueue, labels, job.queueSeconds);
  if (has(fresh, FACT.duration)) delta.observe(HISTOGRAMS.jobDuration, [...labels, job.conclusion], job.durationSeconds);
}
