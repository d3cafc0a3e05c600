import type { LabelPolicy, MetricDelta } from "../counters/index.js";
import {
  type EventCounter,
  type EventSink,
  foldEvent,
  type GitHubEvent,
  isLookupResult,
  type WorkflowJob,
  type WorkflowRun,
} from "../events/index.js";
import {
  attemptKey,
  eventTime,
  type JobObservation,
  joinJobs,
  joinRuns,
  namedBy,
  observeJob,
  observeRun,
  type RunObservation,
} from "../workflow-state/index.js";

/** How an event arrived. */
export interface Arrival {
  /** The delivery id. */
  readonly id: string;
  /** Name of the event in the inbox. */
  readonly event: string;
  /** Milliseconds since 1970. */
  readonly receivedAt: number;
}

/** Folds the deliveries of a batch in memory: one observation for each attempt and job, one metric delta. */
export class Batch implements EventSink {
  /** Number of events by name and action. */
  readonly events = new Map<string, Map<string, number>>();
  readonly runs = new Map<string, RunObservation>();
  readonly jobs = new Map<number, JobObservation>();
  /** Event time of the delivery that is being folded. */
  #eventTime = 0;
  #isEvent = true;

  constructor(
    readonly delta: MetricDelta,
    private readonly policy: LabelPolicy,
  ) {}

  /** Folds one delivery. */
  add(event: GitHubEvent, { id, event: name, receivedAt }: Arrival): void {
    this.#isEvent = !isLookupResult(name);
    if (this.#isEvent) this.#countEvent(name, event.action);
    if (event.kind === "other" || !this.policy.measures(event.repository.owner, event.repository.repo)) return;
    this.#eventTime = eventTime(id, receivedAt);
    foldEvent(event, this);
  }

  observeRun(run: WorkflowRun, branch: string): void {
    const seen = observeRun(run, branch, this.#eventTime, this.#isEvent);
    const key = attemptKey(seen.runId, seen.runAttempt);
    const before = this.runs.get(key);
    this.runs.set(key, before ? joinRuns(before, seen) : seen);
  }

  observeJob(job: WorkflowJob): void {
    const seen = observeJob(job, this.#eventTime, this.#isEvent);
    const before = this.jobs.get(seen.jobId);
    this.jobs.set(seen.jobId, before ? joinJobs(before, seen) : seen);
    if (seen.runAttempt <= 1) return;
    // A job names its attempt, which supersedes older ones (truth rule 11). First attempts supersede nothing.
    const key = attemptKey(seen.runId, seen.runAttempt);
    if (!this.runs.has(key)) this.runs.set(key, namedBy(seen));
  }

  count(counter: EventCounter, labels: readonly string[], amount?: number): void {
    this.delta.add(counter, labels, amount);
  }

  branchLabel(name: string, defaultBranch: string, kind: "branch" | "tag" | "foreign"): string {
    return this.policy.branch(name, defaultBranch, kind);
  }

  #countEvent(name: string, action: string): void {
    let byAction = this.events.get(name);
    if (!byAction) this.events.set(name, (byAction = new Map<string, number>()));
    byAction.set(action, (byAction.get(action) ?? 0) + 1);
  }
}
