import { jobKinds, jobMoments, type JobKind } from "./job-lifecycle.js";
import { renderJob, type JobIdentity, type JobMoment } from "./job-payload.js";
import type { PlannedEvent } from "./model.js";
import { createEntityClock, planned, type Planning } from "./planning.js";
import type { RunIdentity } from "./run-payload.js";

const conclusions = { success: 82, failure: 10, cancelled: 4, timed_out: 2, neutral: 2 } as const;
const matrixSizes = { small: 60, medium: 30, large: 10 } as const;
const sizeRanges = { small: [1, 3], medium: [4, 8], large: [9, 20] } as const;
/** A re-run of failed jobs repeats jobs with other conclusions. */
const carried: ReadonlySet<string | null> = new Set(["success", "neutral", "skipped"]);
/** Kinds of jobs that never complete, so that their run cannot complete. */
const holding: ReadonlySet<JobKind> = new Set(["heldAtGate", "requeuedAtGate"]);
const neverOver: ReadonlySet<JobKind> = new Set([...holding, "completedNeverSent", "neverPickedUp"]);

/** A finished job with its conclusion. */
export interface FinishedJob {
  readonly job: JobIdentity;
  readonly end: JobMoment;
}

/** The events of an attempt's jobs, and their effect on the attempt. */
export interface JobsPlan {
  readonly events: PlannedEvent[];
  /** Jobs that finished without failure; a re-run of failed jobs copies them into its attempt. */
  readonly finished: FinishedJob[];
  readonly firstStart: number;
  readonly end: number;
  readonly conclusion: string;
  readonly held: boolean;
  readonly failed: number;
}

/** Plans the copies of finished jobs that a re-run of failed jobs makes at `at`: with new ids, but the old times and runners. */
export function planCopies(planning: Planning, finished: readonly FinishedJob[], attempt: number, at: number) {
  const copies = finished.map(({ job, end }): FinishedJob => ({
    job: { ...job, id: planning.nextId(), attempt },
    end: { ...end, at, createdAt: end.createdAt === undefined ? undefined : at },
  }));
  const events = copies.map(({ job, end }) =>
    planned(job.run.repository, "workflow_job", createEntityClock(planning.random)(at), () => renderJob(job, end)),
  );
  return { copies, events };
}

/** Number of jobs of a new run: mostly few, sometimes a matrix of twenty. */
export function pickMatrixSize({ random }: Planning): number {
  const [min, max] = sizeRanges[random.weighted(matrixSizes)];
  return random.int(min, max);
}

/**
 * Plans the jobs of an attempt that starts at `start` (seconds since 1970). With `instant`
 * all events are within that second.
 */
export function planJobs(
  planning: Planning,
  run: RunIdentity,
  attempt: number,
  options: { readonly start: number; readonly count: number; readonly instant: boolean },
): JobsPlan {
  const { random } = planning;
  const { start, count, instant } = options;
  const events: PlannedEvent[] = [];
  const finished: FinishedJob[] = [];
  const seen = new Set<string>();
  let firstStart = Number.POSITIVE_INFINITY;
  let end = start;
  let held = false;
  let failed = 0;
  const workflowName = run.named === "nowhere" ? null : run.workflow.name;

  for (let i = 0; i < count; i++) {
    const kind = instant ? "ordinary" : random.weighted(jobKinds);
    const labels = kind === "skipped" || kind === "checkRun" ? [] : random.pick(run.workflow.runsOn);
    const wait = labels[0] === "self-hosted" ? 90 : 12;
    // In many workflows later jobs depend on earlier ones.
    const created = instant ? start : start + random.int(0, 3) + (i % 4 === 3 ? 120 : 0);
    const started = created + (instant ? 0 : 1 + Math.floor(random.exponential(wait)));
    const completed = started + (instant ? 0 : 3 + Math.floor(random.exponential(240)));
    const conclusion = random.weighted(conclusions);
    const job: JobIdentity = {
      id: planning.nextId(),
      run,
      attempt,
      name: count === 1 ? "build" : `build (${labels.join("-") || "any"}, ${i + 1})`,
      workflowName,
      labels,
      runnerId: random.int(1, 400),
      stepCount: random.int(3, 12),
      withoutAttempt: run.onOldServer,
      deploys: kind === "approvalGate" || holding.has(kind),
    };
    const clock = createEntityClock(random);
    for (const moment of jobMoments(kind, { created, started, completed }, conclusion)) {
      const event = planned(run.repository, "workflow_job", clock(moment.at), () => renderJob(job, moment));
      events.push(event);
      if (moment.action === "completed" && carried.has(moment.conclusion)) finished.push({ job, end: moment });
    }
    firstStart = Math.min(firstStart, started);
    held ||= holding.has(kind);
    if (!neverOver.has(kind)) {
      end = Math.max(end, completed);
      seen.add(conclusion);
      if (conclusion === "failure") failed++;
    }
  }
  const first = Number.isFinite(firstStart) ? firstStart : start;
  const worst = ["failure", "timed_out", "cancelled"].find((name) => seen.has(name));
  return {
    events,
    finished,
    firstStart: first,
    end: Math.max(end, first),
    conclusion: worst ?? (seen.has("neutral") && seen.size === 1 ? "neutral" : "success"),
    held,
    failed,
  };
}
