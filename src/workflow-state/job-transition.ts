import { FACT, has } from "./facts.js";
import { isKnownStatus, join, type Observation, rankOf, secondsBetween } from "./observation.js";

/** What an event (or GitHub's REST answer) says of a job. Times are milliseconds since 1970. */
export interface JobEvent {
  readonly action: string;
  readonly id: number;
  readonly runId: number;
  readonly runAttempt: number;
  readonly workflow: string;
  readonly status: string;
  readonly conclusion: string;
  /** Of the runner that it asks for, sorted. */
  readonly labels: readonly string[];
  readonly hasRunner: boolean;
  readonly createdAt: number | null;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
  readonly repository: { readonly owner: string; readonly repo: string };
}

export interface JobObservation extends Observation {
  readonly jobId: number;
  readonly runId: number;
  readonly runAttempt: number;
  readonly runsOn: string;
  /** Seconds; the fact bit says whether there is one. */
  readonly queueSeconds: number;
}

/**
 * The transition rule of a job (truth rules 1, 3 and 5 of docs/architecture.md).
 * @param eventTime microseconds since 1970
 */
export function observeJob(event: JobEvent, eventTime: number): JobObservation {
  const status = isKnownStatus(event.action) ? event.action : event.status || event.action;
  const rank = rankOf(status);
  const completed = rank === 2;
  const skipped = completed && event.conclusion === "skipped";
  // Without a runner there was no start: such a job was cancelled in the queue, or belongs to another app.
  const ran = rank === 1 || (completed && event.hasRunner && !skipped);
  const { createdAt, startedAt, completedAt } = event;
  const eventMs = eventTime / 1_000;
  let facts = 0;
  if (!skipped) facts |= FACT.queued;
  if (ran) facts |= FACT.started;
  if (completed) facts |= FACT.completed;
  if (ran && createdAt !== null && startedAt !== null) facts |= FACT.queueTime;
  if (ran && completed && startedAt !== null && completedAt !== null) facts |= FACT.duration;
  return {
    jobId: event.id,
    runId: event.runId,
    runAttempt: event.runAttempt,
    owner: event.repository.owner,
    repo: event.repository.repo,
    workflow: event.workflow,
    runsOn: event.labels.join(","),
    status,
    conclusion: event.conclusion,
    completed,
    rank,
    // GitHub sends no updated_at for a job.
    updatedAt: Math.max(createdAt ?? 0, startedAt ?? 0, completedAt ?? 0) || eventMs,
    eventTime,
    since: (rank === 0 ? (createdAt ?? startedAt) : startedAt) ?? eventMs,
    facts,
    queueSeconds: has(facts, FACT.queueTime) ? secondsBetween(createdAt ?? 0, startedAt ?? 0) : 0,
    durationSeconds: has(facts, FACT.duration) ? secondsBetween(startedAt ?? 0, completedAt ?? 0) : 0,
  };
}

/** Joins two observations of one job; commutative and associative, so that batches may be cut anywhere. */
export function joinJobs(a: JobObservation, b: JobObservation): JobObservation {
  const joined = join(a, b);
  // 0 where it is not known. Copies that contradict each other are joined the same way whatever their order.
  joined.queueSeconds = Math.max(a.queueSeconds, b.queueSeconds);
  return joined;
}
