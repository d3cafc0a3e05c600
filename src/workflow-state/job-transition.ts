import type { WorkflowJob } from "../events/index.js";
import { executionOf, nameHashOf } from "./execution-id.js";
import { FACT, has } from "./facts.js";
import { isGreater, isKnownStatus, join, type Observation, rankOf, secondsBetween } from "./observation.js";

export interface JobObservation extends Observation {
  readonly jobId: number;
  readonly runId: number;
  /** 0 where it is not known. */
  readonly runAttempt: number;
  readonly runsOn: string;
  readonly nameHash: number;
  /** See {@link executionOf}; 0 where the event does not tell. */
  readonly execution: number;
  /** The fact bit says whether there is one. */
  readonly queueSeconds: number;
}

/**
 * The transition rule of a job (truth rules 1, 3, 5 and 9 to 13 of docs/architecture.md).
 * @param eventTime microseconds since 1970
 * @param isEvent false for an answer to a look-up, whose labels only fill in what no event gave
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
    execution: hasTrueStart(event, rank) ? executionOf(event.name, event.startedAt ?? 0, event.runnerId ?? 0) : 0,
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

/** What proves that a job ran is a fact of its own: only with it do its times count. */
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
  // With an environment the time may be that of an approval.
  if (tellsStart && createdAt !== null && startedAt !== null && !event.isDeployment) facts |= FACT.queueTime;
  return facts;
}

/** Another app's check run arrives as a completed job without runner, labels and time: it was never queued. */
const isCheckRun = ({ runnerId, hasStartedStep, labels, startedAt, completedAt }: WorkflowJob, completed: boolean): boolean =>
  completed &&
  runnerId === null &&
  !hasStartedStep &&
  labels.length === 0 &&
  !(startedAt !== null && completedAt !== null && completedAt > startedAt);

/** "Re-run failed jobs" copies finished jobs into the new attempt: they were completed before they were created. */
const isCopy = ({ runAttempt, runnerId, createdAt, completedAt }: WorkflowJob, completed: boolean): boolean =>
  completed && runAttempt !== 1 && runnerId !== null && completedAt !== null && (createdAt === null || completedAt < createdAt);

/** An in_progress event whose started_at is its created_at does not know the start yet. */
const hasTrueStart = ({ name, runnerId, createdAt, startedAt }: WorkflowJob, rank: number): boolean =>
  name !== "" && runnerId !== null && startedAt !== null && (rank === 2 || (rank === 1 && startedAt !== createdAt));

/** Joins two observations of one job; commutative and associative, so that batches may be cut anywhere. */
export function joinJobs(a: JobObservation, b: JobObservation): JobObservation {
  const joined = join(a, b);
  const [greater, other] = isGreater(a, b) ? [a, b] : [b, a];
  if (!has(greater.facts, FACT.labelled) && has(other.facts, FACT.labelled)) joined.runsOn = other.runsOn;
  joined.runAttempt = Math.max(a.runAttempt, b.runAttempt);
  joined.nameHash = Math.max(a.nameHash, b.nameHash);
  joined.execution = greater.execution || other.execution;
  // 0 where it is not known. Copies that contradict each other are joined the same way whatever their order.
  joined.queueSeconds = Math.max(a.queueSeconds, b.queueSeconds);
  return joined;
}
