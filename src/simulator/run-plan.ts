import { planCopies, planJobs, pickMatrixSize, type FinishedJob, type JobsPlan } from "./jobs-plan.js";
import type { PlannedEvent } from "./model.js";
import { createEntityClock, planned, type Planning } from "./planning.js";
import { renderRun, type RunIdentity, type RunMoment } from "./run-payload.js";

const attemptKinds = {
  ordinary: 780,
  lostInProgress: 40,
  lostRequested: 30,
  instant: 50,
  neverStarted: 25,
  neverCompleted: 30,
  cancelledEarly: 30,
  startupFailure: 15,
  unreadableCompletion: 15,
  jobsOnly: 20,
  unreadableFile: 10,
} as const;

/** The status in a `requested` event, nearly always queued. */
const requestedStatuses = {
  queued: 90,
  requested: 3,
  pending: 3,
  waiting: 2,
  in_progress: 2,
} as const;

interface AttemptPlan {
  readonly events: PlannedEvent[];
  readonly end: number;
  readonly completed: boolean;
  readonly jobs: JobsPlan | undefined;
}

function planAttempt(
  planning: Planning,
  run: RunIdentity,
  attempt: number,
  options: { readonly start: number; readonly count: number; readonly approved: boolean },
): AttemptPlan {
  const { random } = planning;
  const { start } = options;
  const kind = options.approved ? "lostRequested" : random.weighted(attemptKinds);
  const clock = createEntityClock(random);
  const events: PlannedEvent[] = [];
  const add = (action: string, status: string, conclusion: string | null, updatedAt: number) => {
    const forkIsGone = run.fromFork && action === "completed" && run.number % 3 === 0;
    const moment: RunMoment = { action, status, conclusion, attempt, updatedAt, runStartedAt: start, forkIsGone };
    const render = () => renderRun(run, moment);
    events.push(planned(run.repository, "workflow_run", clock(updatedAt), render));
  };
  const withoutJobs = (end: number, completed: boolean): AttemptPlan => {
    return { events, end, completed, jobs: undefined };
  };

  if (kind === "unreadableFile") {
    add("completed", "completed", "failure", start);
    return withoutJobs(start, true);
  }
  if (kind !== "lostRequested" && kind !== "jobsOnly") {
    add("requested", random.weighted(requestedStatuses), null, start);
  }
  if (kind === "neverStarted") return withoutJobs(start, false);
  if (kind === "cancelledEarly" || kind === "startupFailure") {
    const end = start + random.int(1, 40);
    const conclusion = kind === "startupFailure" ? "startup_failure" : "cancelled";
    add("completed", "completed", conclusion, end);
    return withoutJobs(end, true);
  }

  const jobs = planJobs(planning, run, attempt, {
    start,
    count: options.count,
    instant: kind === "instant",
  });
  const end = kind === "instant" ? start : jobs.end + random.int(0, 3);
  if (kind === "jobsOnly") return { events: jobs.events, end, completed: false, jobs };
  if (kind !== "lostInProgress") add("in_progress", "in_progress", null, jobs.firstStart);
  const completed = kind !== "neverCompleted" && !jobs.held;
  if (completed && kind === "unreadableCompletion") add("completed", "queued", null, end);
  else if (completed) add("completed", "completed", jobs.conclusion, end);
  events.push(...jobs.events);
  return { events, end, completed, jobs };
}

/** A fork's run that waits for a maintainer's approval; GitHub sends it as completed. */
function planApproval(planning: Planning, run: RunIdentity): PlannedEvent[] {
  const clock = createEntityClock(planning.random);
  const actions = planning.random.chance(0.5) ? ["requested", "completed"] : ["requested"];
  return actions.map((action) => {
    const moment: RunMoment = {
      action,
      status: "completed",
      conclusion: "action_required",
      attempt: 1,
      updatedAt: run.createdAt,
      runStartedAt: run.createdAt,
    };
    return planned(run.repository, "workflow_run", clock(run.createdAt), () => renderRun(run, moment));
  });
}

/**
 * Plans all events of one run, unordered: up to three attempts with their jobs. With `needsApproval`
 * the first attempt waits for an approval, which may never come.
 */
export function planRun(planning: Planning, run: RunIdentity, needsApproval: boolean): PlannedEvent[] {
  const { random } = planning;
  const events: PlannedEvent[] = needsApproval ? planApproval(planning, run) : [];
  if (needsApproval && random.chance(0.4)) return events;

  let start = run.createdAt + (needsApproval ? random.int(60, 5400) : 0);
  let count = pickMatrixSize(planning);
  let finished: readonly FinishedJob[] = [];
  for (let attempt = 1; attempt <= 3; attempt++) {
    const approved = needsApproval && attempt === 1;
    const plan = planAttempt(planning, run, attempt, { start, count, approved });
    events.push(...plan.events);
    const failed = plan.jobs?.failed ?? 0;
    const again = plan.completed ? (failed > 0 ? 0.3 : 0.06) : 0.4;
    if (!random.chance(again)) break;
    start = plan.end + random.int(30, 1800);
    if (attempt < 3 && plan.completed && failed > 0 && random.chance(0.6)) {
      const copied = planCopies(planning, [...finished, ...(plan.jobs?.finished ?? [])], attempt + 1, start + 2);
      events.push(...copied.events);
      finished = copied.copies;
      count = failed;
    } else finished = [];
  }
  return events;
}
