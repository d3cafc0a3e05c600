import { eventTime } from "../workflow-state/event-time.js";
import { type JobEvent, joinJobs, type JobObservation, observeJob } from "../workflow-state/job-transition.js";
import { joinRuns, namedBy, observeRun, type RunEvent, type RunObservation } from "../workflow-state/run-transition.js";
import { attemptKey } from "../workflow-state/runs.sql.js";
import type { MetricDelta } from "../counters/tally.js";

/** When and by which delivery an event came. */
export interface Arrival {
  /** The delivery id. */
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
}

/** What a batch of deliveries adds up to, in memory: one observation for each attempt and job, one tally. */
export class Batch {
  /** How often by event and action, which are few. */
  readonly events = new Map<string, Map<string, number>>();
  readonly runs = new Map<string, RunObservation>();
  readonly jobs = new Map<number, JobObservation>();

  constructor(readonly tally: MetricDelta) {}

  countEvent(event: string, action: string): void {
    let byAction = this.events.get(event);
    if (!byAction) this.events.set(event, (byAction = new Map<string, number>()));
    byAction.set(action, (byAction.get(action) ?? 0) + 1);
  }

  observeRun(event: RunEvent, branch: string, arrival: Arrival, isEvent: boolean): void {
    const seen = observeRun(event, branch, eventTime(arrival.id, arrival.receivedAt), isEvent);
    const key = attemptKey(seen.runId, seen.runAttempt);
    const before = this.runs.get(key);
    this.runs.set(key, before ? joinRuns(before, seen) : seen);
  }

  observeJob(event: JobEvent, arrival: Arrival, isEvent: boolean): void {
    const seen = observeJob(event, eventTime(arrival.id, arrival.receivedAt), isEvent);
    const before = this.jobs.get(seen.jobId);
    this.jobs.set(seen.jobId, before ? joinJobs(before, seen) : seen);
    // First attempts supersede nothing.
    const key = attemptKey(seen.runId, seen.runAttempt);
    if (seen.runAttempt > 1 && !this.runs.has(key)) this.runs.set(key, namedBy(seen));
  }
}
