import type { WorkflowRun } from "../events/index.js";
import { FACT, has } from "./facts.js";
import type { JobObservation } from "./job-transition.js";
import { isKnownStatus, join, type Observation, rankOf, secondsBetween } from "./observation.js";

export interface RunObservation extends Observation {
  readonly runId: number;
  readonly runAttempt: number;
  readonly branch: string;
  readonly event: string;
}

const RAN = new Set(["success", "failure", "timed_out", "neutral"]);

/**
 * The transition rule of a run attempt (truth rules 1, 3, 5, 12 and 13 of docs/architecture.md).
 * @param branch the label by the branch policy
 * @param eventTime microseconds since 1970
 * @param isEvent false for an answer to a look-up, whose labels only fill in what no event gave
 */
export function observeRun(event: WorkflowRun, branch: string, eventTime: number, isEvent: boolean): RunObservation {
  const status = statusOf(event);
  const rank = rankOf(status);
  const completed = rank === 2;
  const eventMs = eventTime / 1_000;
  // A failure at the very second of the start did not start, as with a workflow file that cannot be read.
  const instant = completed && event.conclusion === "failure" && event.updatedAt !== null && event.updatedAt === event.runStartedAt;
  let facts: number = FACT.queued | (isEvent ? FACT.labelled : 0);
  if (rank === 1 || (completed && RAN.has(event.conclusion) && !instant)) facts |= FACT.started;
  if (completed) facts |= FACT.completed;
  if (instant) facts |= FACT.instant;
  else if (completed && event.runStartedAt !== null && event.updatedAt !== null) facts |= FACT.duration;
  return {
    runId: event.id,
    runAttempt: event.runAttempt,
    owner: event.repository.owner,
    repo: event.repository.repo,
    workflow: event.workflow,
    branch,
    event: event.event,
    status,
    conclusion: event.conclusion,
    completed,
    rank,
    updatedAt: event.updatedAt ?? eventMs,
    eventTime,
    // The attempt's own start: created_at is that of the first attempt.
    since: event.runStartedAt ?? event.createdAt ?? eventMs,
    facts,
    durationSeconds: has(facts, FACT.duration) ? secondsBetween(event.runStartedAt ?? 0, event.updatedAt ?? 0) : 0,
  };
}

/** Joins two observations of one attempt; commutative and associative, so that batches may be cut anywhere. */
export function joinRuns(a: RunObservation, b: RunObservation): RunObservation {
  return join(a, b);
}

/** An attempt that a job names (truth rule 11): it supersedes older attempts, and says nothing of itself. */
export function namedBy(job: JobObservation): RunObservation {
  return {
    runId: job.runId,
    runAttempt: job.runAttempt,
    owner: job.owner,
    repo: job.repo,
    workflow: job.workflow,
    branch: "",
    event: "",
    status: "",
    conclusion: "",
    completed: false,
    rank: 0,
    // Less than any real observation.
    updatedAt: 0,
    eventTime: 0,
    since: 0,
    facts: 0,
    durationSeconds: 0,
  };
}

function statusOf(event: WorkflowRun): string {
  // GitHub waits for an approval: the same attempt goes on to queued, in_progress and a real completion.
  if (event.conclusion === "action_required") return "waiting";
  if (event.action === "requested") return isKnownStatus(event.status) && event.status !== "completed" ? event.status : "queued";
  return isKnownStatus(event.action) ? event.action : event.status || event.action;
}
