import type { WorkflowJob } from "../events/index.js";
import { executionOf, nameHashOf } from "./execution-id.js";
import { FACT, has } from "./facts.js";
import { isGreater, isKnownStatus, join, type Observation, rankOf, secondsBetween } from "./observation.js";

export interface JobObservation extends Observation {
  readonly jobId: number;
  readonly runId: number;
  /** 0 if unknown. */
  readonly runAttempt: number;
  readonly runsOn: string;
  readonly nameHash: number;
  /** See {@link executionOf}; 0 if the event does not give it. */
  readonly execution: number;
  /** Valid if FACT.queueTime is set. */
  readonly queueSeconds: number;
}

/**
 * The transition rule of a job (truth rules 1, 3, 5 and 9 to 13 of docs/architecture.md).
 * @param eventTime microseconds since 1970
 * @param isEvent false for a lookup, whose labels are used only if no event gave labels
 */
export function observeJob(event: WorkflowJob, eventTime: number, isEvent: boolean): JobObservation {
  const status = isKnownStatus(event.action) ? event.action : event.status || event.action;
  const rank = rankOf(status);
  const { createdAt, startedAt, completedAt } = event;
  const eventMs = eventTime / 1_000;
  const facts = factsOf(event, status, rank) | (isEvent ? FACT.labelled : 0);
  return {
    jobId: event.id,
    runId: event.runId,
    runAttempt: event.runAttempt,
    owner: event.repository.owner,
    repo: event.repository.repo,
    workflow: event.workflow,
    runsOn: event.labels.join(","),
    nameHash: nameHashOf(event.name),
    execution: hasTrueStart(event, rank) ? executionOf(event.name, event.startedAt ?? 0, event.runnerId ?? 0, rank === 2) : 0,
    status,
    conclusion: event.conclusion,
    completed: rank === 2,
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

/** FACT.started means that the job is proved to have run; its times count only then. */
function factsOf(event: WorkflowJob, status: string, rank: number): number {
  const { conclusion, runnerId, createdAt, startedAt, completedAt } = event;
  const completed = rank === 2;
  if (completed && conclusion === "skipped") return FACT.completed;
  let facts = isCheckRun(event, completed) ? 0 : FACT.queued;
  if (!completed) facts |= FACT.opened;
  if (rank === 1 || (completed && (runnerId !== null || event.hasStartedStep))) facts |= FACT.started;
  if (status === "waiting") facts |= FACT.waited;
  if (completed) facts |= FACT.completed;
  if (completed && startedAt !== null && completedAt !== null) facts |= FACT.duration;
  if (isCopy(event, completed)) return facts | FACT.copied;
  const tellsStart = completed || (rank === 1 && startedAt !== null && createdAt !== null && startedAt > createdAt);
  // The queue time of a deployment may include the wait for an approval.
  if (tellsStart && createdAt !== null && startedAt !== null && !event.isDeployment) facts |= FACT.queueTime;
  return facts;
}

/** A check run of another app arrives as a completed job without runner, labels and duration; it was never queued. */
const isCheckRun = ({ runnerId, hasStartedStep, labels, startedAt, completedAt }: WorkflowJob, completed: boolean): boolean =>
  completed &&
  runnerId === null &&
  !hasStartedStep &&
  labels.length === 0 &&
  !(startedAt !== null && completedAt !== null && completedAt > startedAt);

/** "Re-run failed jobs" copies finished jobs into the new attempt, so a copy completed before it was created. */
const isCopy = ({ runAttempt, runnerId, createdAt, completedAt }: WorkflowJob, completed: boolean): boolean =>
  completed && runAttempt !== 1 && runnerId !== null && completedAt !== null && (createdAt === null || completedAt < createdAt);

/** An in_progress event with started_at equal to created_at does not give the true start. */
const hasTrueStart = ({ name, runnerId, createdAt, startedAt }: WorkflowJob, rank: number): boolean =>
  name !== "" && runnerId !== null && startedAt !== null && (rank === 2 || (rank === 1 && startedAt !== createdAt));

/** Joins two observations of one job. Commutative and associative, so the split into batches does not matter. */
export function joinJobs(a: JobObservation, b: JobObservation): JobObservation {
  const joined = join(a, b);
  const [greater, other] = isGreater(a, b) ? [a, b] : [b, a];
  if (!has(greater.facts, FACT.labelled) && has(other.facts, FACT.labelled)) joined.runsOn = other.runsOn;
  joined.runAttempt = Math.max(a.runAttempt, b.runAttempt);
  joined.nameHash = Math.max(a.nameHash, b.nameHash);
  // The maximum, so that contradicting duplicates give the same result in any order; 0 is unknown.
  joined.execution = Math.max(a.execution, b.execution);
  joined.queueSeconds = Math.max(a.queueSeconds, b.queueSeconds);
  return joined;
}
