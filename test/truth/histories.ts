import fc from "fast-check";
import { at } from "../support/clock.js";

/** A delivery of a random history, before the permutation. */
export interface HistoryEvent {
  readonly event: "workflow_run" | "workflow_job";
  readonly deliveryId: string;
  readonly body: string;
}

const DAY_START = Date.parse(at("00:00:00"));
const GREGORIAN_OFFSET = 122_192_928_000_000_000n;

/** Version-1 GUID that contains the time of the event, as GitHub makes them. */
export function guid(microseconds: number, node: number): string {
  const ticks = BigInt(microseconds) * 10n + GREGORIAN_OFFSET;
  const hex = ticks.toString(16).padStart(15, "0");
  return `${hex.slice(7)}-${hex.slice(3, 7)}-1${hex.slice(0, 3)}-8000-${node.toString(16).padStart(12, "0")}`;
}

const iso = (seconds: number) => new Date(DAY_START + seconds * 1_000).toISOString().replace(".000Z", "Z");

const conclusion = fc.constantFrom("success", "failure", "cancelled", "timed_out", "neutral", "stale", "startup_failure");
const seconds = (max: number) => fc.integer({ min: 0, max });

const LABELS: Readonly<Record<string, readonly string[]>> = {
  build: ["ubuntu-latest"],
  test: ["self-hosted", "linux"],
  gpu: ["x64", "gpu"],
};

function constantNames() {
  return fc.constantFrom(...Object.keys(LABELS));
}

/** The course of a job. Times are seconds after the previous time. */
const jobPlan = fc.record({
  kind: fc.constantFrom(
    "normal",
    "lost-in-progress",
    "twice-in-progress",
    "skipped",
    "cancelled-in-queue",
    "approval",
    "queued",
    "waiting",
    "requeued",
    "running",
    "other-app",
    "check-run",
    "late-start",
    "no-runner-info",
    "lost-completed",
  ),
  /** Equal names in one attempt are different jobs. The name determines the labels. */
  name: constantNames(),
  wait: seconds(90),
  ran: seconds(900),
  conclusion,
  createdAtMissing: fc.boolean(),
  /** Whether a re-run of failed jobs copies the job once it is finished. */
  carried: fc.boolean(),
  /** Whether only events of its copies arrive, and none of its own. */
  lost: fc.boolean(),
  secondHook: fc.boolean(),
});

const attemptPlan = fc.record({
  kind: fc.constantFrom(
    "normal",
    "lost-in-progress",
    "waits-for-approval",
    "approved",
    "never-completes",
    "only-completed",
    "odd-completed",
    "jobs-only",
    "unreadable-file",
  ),
  wait: seconds(60),
  ran: seconds(1_200),
  conclusion,
  jobs: fc.array(jobPlan, { maxLength: 4 }),
  secondHook: fc.boolean(),
});

/** A few runs, each with up to three attempts. */
export const historyPlan = fc.array(
  fc.record({
    workflow: fc.constantFrom("ci", 'de"ploy\\', "nightly\nbuild"),
    branch: fc.constantFrom("main", "topic", null),
    /** The fork of this run is deleted before the run completes. */
    forkGone: fc.boolean(),
    /** Older GitHub servers send jobs without the attempt. */
    oldServer: fc.integer({ min: 0, max: 4 }).map((lot) => lot === 0),
    attempts: fc.array(attemptPlan, { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 4 },
);

export type HistoryPlan = typeof historyPlan extends fc.Arbitrary<infer Plan> ? Plan : never;

type Plan<Name extends "attempts"> = HistoryPlan[number][Name][number];
type Attempt = Plan<"attempts">;

interface JobsOf {
  readonly runId: number;
  readonly runAttempt: number;
  readonly start: number;
  readonly workflow: string;
  readonly oldServer: boolean;
}

/** A finished job that a re-run of failed jobs copies. */
interface Finished {
  readonly id: number;
  readonly job: Attempt["jobs"][number];
  readonly runner: number;
  /** In seconds of the history. */
  readonly began: number;
  readonly ended: number;
}

/** Turns a plan into the events that GitHub would send. Ids start at `firstId`. */
export function eventsOf(plan: HistoryPlan, owner: string, firstId: number): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  let clock = 0;
  let id = firstId;
  const repository = { full_name: `${owner}/app`, default_branch: "main" };

  const emit = (event: HistoryEvent["event"], payload: Record<string, unknown>, at: number, copies: boolean) => {
    const body = JSON.stringify({ ...payload, repository });
    // Only the time in the GUID orders events of the same second.
    const microseconds = (DAY_START + at * 1_000) * 1_000 + events.length * 20;
    events.push({ event, body, deliveryId: guid(microseconds, firstId) });
    if (copies) events.push({ event, body, deliveryId: guid(microseconds + 3, firstId + 1) });
  };

  for (const run of plan) {
    const runId = ++id;
    let finished: Finished[] = [];
    for (const [index, attempt] of run.attempts.entries()) {
      const start = clock;
      emitAttempt(attempt, { runId, runAttempt: index + 1, start, ...run });
      const of = { runId, runAttempt: index + 1, start, ...run };
      const copies = finished.map((job): Finished => Object.assign({}, job, { id: ++id }));
      for (const copy of copies) emitCopy(copy, of);
      finished = [...copies, ...attempt.jobs.flatMap((job) => emitJob(job, ++id, of) ?? [])];
      clock += 3_000;
    }
  }
  return events;

  function emitAttempt(
    attempt: Attempt,
    of: { runId: number; runAttempt: number; start: number; workflow: string; branch: string | null; forkGone: boolean },
  ) {
    const send = (action: string, status: string, result: string | null, at: number) =>
      emit(
        "workflow_run",
        {
          action,
          workflow: { name: of.workflow },
          workflow_run: {
            id: of.runId,
            run_attempt: of.runAttempt,
            name: "",
            event: "push",
            status,
            conclusion: result,
            head_branch: of.branch,
            ...(of.forkGone ? { head_repository: action === "completed" ? null : { full_name: "fork/app" } } : {}),
            created_at: iso(0),
            run_started_at: iso(of.start),
            updated_at: iso(at),
          },
        },
        at,
        attempt.secondHook,
      );
    if (attempt.kind === "jobs-only") return;
    if (attempt.kind === "unreadable-file") return send("completed", "completed", "failure", of.start);
    const begun = of.start + attempt.wait;
    const ended = begun + attempt.ran;
    const waits = attempt.kind === "waits-for-approval" || attempt.kind === "approved";
    if (waits) send("requested", "completed", "action_required", of.start);
    else if (attempt.kind !== "only-completed") send("requested", "queued", null, of.start);
    if (attempt.kind === "waits-for-approval") return;
    if (!["lost-in-progress", "only-completed", "odd-completed"].includes(attempt.kind)) send("in_progress", "in_progress", null, begun);
    if (attempt.kind === "odd-completed") send("completed", "queued", null, ended);
    else if (attempt.kind !== "never-completes") send("completed", "completed", attempt.conclusion, ended);
  }

  function emitJob(job: Attempt["jobs"][number], jobId: number, of: JobsOf): Finished | undefined {
    const created = of.start + 1;
    const began = created + job.wait;
    const ended = began + job.ran;
    const send = (action: string, at: number, more: Record<string, unknown>) =>
      !(job.lost && job.carried) &&
      emit(
        "workflow_job",
        {
          action,
          workflow_job: {
            id: jobId,
            run_id: of.runId,
            ...(of.oldServer ? {} : { run_attempt: of.runAttempt }),
            name: job.name,
            workflow_name: of.workflow,
            status: action,
            conclusion: null,
            labels: LABELS[job.name],
            runner_id: null,
            created_at: job.createdAtMissing ? undefined : iso(created),
            started_at: iso(created),
            completed_at: null,
            ...more,
          },
          ...(isGate ? { deployment: { id: jobId } } : {}),
        },
        at,
        job.secondHook,
      );
    const isGate = job.kind === "approval" || job.kind === "waiting" || job.kind === "requeued";
    const runner = 7_000 + jobId;
    const running = { started_at: iso(began), runner_id: runner };
    const done = { ...running, completed_at: iso(ended), conclusion: job.conclusion };
    switch (job.kind) {
      case "skipped":
        return void send("completed", created, {
          labels: [],
          started_at: iso(created - 1),
          completed_at: iso(created - 1),
          conclusion: "skipped",
        });
      case "other-app":
        return void send("completed", ended, { ...done, runner_id: 0 });
      case "check-run":
        return void send("completed", ended, { ...done, labels: [], runner_id: null, created_at: iso(ended), started_at: iso(ended) });
      case "no-runner-info": {
        const steps = [{ name: "Set up job", started_at: iso(began) }];
        send("queued", created, {});
        send("in_progress", began, { ...running, runner_id: null, steps: [] });
        return void send("completed", ended, { ...done, runner_id: null, steps: job.carried ? steps : [] });
      }
      case "late-start":
        if (!job.createdAtMissing) send("in_progress", began, { ...running, started_at: iso(created) });
        break;
      case "cancelled-in-queue":
        send("queued", created, {});
        return void send("completed", ended, { ...done, runner_id: null, conclusion: "cancelled" });
      case "waiting":
        send("queued", created, {});
        return void send("waiting", created, {});
      case "approval":
      case "requeued":
        send("queued", created, {});
        send("waiting", created, {});
        send("queued", created, {});
        break;
      default:
        send("queued", created, {});
    }
    if (job.kind === "queued" || job.kind === "requeued") return undefined;
    if (job.kind !== "lost-in-progress" && job.kind !== "late-start") send("in_progress", began, running);
    if (job.kind === "twice-in-progress") send("in_progress", began, running);
    if (job.kind === "running") return undefined;
    if (job.kind !== "lost-completed") send("completed", ended, done);
    return job.carried ? { id: jobId, job, runner, began, ended } : undefined;
  }

  /** Event of a re-run for a job that was finished: new id and created_at, the old start, end and runner. */
  function emitCopy({ id: jobId, job, runner, began, ended }: Finished, of: JobsOf) {
    emit(
      "workflow_job",
      {
        action: "completed",
        workflow_job: {
          id: jobId,
          run_id: of.runId,
          ...(of.oldServer ? {} : { run_attempt: of.runAttempt }),
          name: job.name,
          workflow_name: of.workflow,
          status: "completed",
          conclusion: job.conclusion,
          labels: LABELS[job.name],
          runner_id: runner,
          created_at: iso(of.start + 2),
          started_at: iso(began),
          completed_at: iso(ended),
        },
      },
      of.start + 2,
      job.secondHook,
    );
  }
}
