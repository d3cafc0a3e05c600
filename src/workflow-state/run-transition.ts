import { FACT, has } from "./facts.js";
import { isKnownStatus, join, type Observation, rankOf, secondsBetween } from "./observation.js";

/** What an event (or GitHub's REST answer) says of a run attempt. Times are milliseconds since 1970. */
export interface RunEvent {
  readonly action: string;
  readonly id: number;
  readonly runAttempt: number;
  readonly workflow: string;
  readonly status: string;
  readonly conclusion: string;
  readonly event: string;
  readonly createdAt: number | null;
  readonly runStartedAt: number | null;
  readonly updatedAt: number | null;
  readonly repository: { readonly owner: string; readonly repo: string };
}

export interface RunObservation extends Observation {
  readonly runId: number;
  readonly runAttempt: number;
  readonly branch: string;
  readonly event: string;
}

const RAN = new Set(["success", "failure", "timed_out", "neutral"]);

/**
 * The transition rule of a run attempt (truth rules 1, 3 and 5 of docs/architecture.md).
 * @param branch the label by the branch policy
 * @param eventTime microseconds since 1970
 */
export function observeRun(event: RunEvent, branch: string, eventTime: number): RunObservation {
  const status = statusOf(event);
  const rank = rankOf(status);
  const completed = rank === 2;
  const eventMs = eventTime / 1_000;
  let facts: number = FACT.queued;
  if (rank === 1 || (completed && RAN.has(event.conclusion))) facts |= FACT.started;
  if (completed) facts |= FACT.completed;
  if (completed && event.runStartedAt !== null && event.updatedAt !== null) facts |= FACT.duration;
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

function statusOf(event: RunEvent): string {
  // GitHub waits for an approval: the same attempt goes on to queued, in_progress and a real completion.
  if (event.conclusion === "action_required") return "waiting";
  if (event.action === "requested") return isKnownStatus(event.status) && event.status !== "completed" ? event.status : "queued";
  return isKnownStatus(event.action) ? event.action : event.status || event.action;
}
