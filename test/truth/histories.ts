import fc from "fast-check";
import { at } from "../support/clock.js";

/** A delivery of a random history, before it is permuted. */
export interface HistoryEvent {
  readonly event: "workflow_run" | "workflow_job";
  readonly deliveryId: string;
  readonly body: string;
}

const DAY_START = Date.parse(at("00:00:00"));
const GREGORIAN_OFFSET = 122_192_928_000_000_000n;

/** A version-1 GUID with the time of the event in it, as GitHub makes them. */
export function guid(microseconds: number, node: number): string {
  const ticks = BigInt(microseconds) * 10n + GREGORIAN_OFFSET;
  const hex = ticks.toString(16).padStart(15, "0");
  return `${hex.slice(7)}-${hex.slice(3, 7)}-1${hex.slice(0, 3)}-8000-${node.toString(16).padStart(12, "0")}`;
}

const iso = (seconds: number) => new Date(DAY_START + seconds * 1_000).toISOString().replace(".000Z", "Z");

const conclusion = fc.constantFrom("success", "failure", "cancelled", "timed_out", "neutral", "stale", "startup_failure");
const seconds = (max: number) => fc.integer({ min: 0, max });

/** How a job went; the times are seconds after the one before. */
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
  ),
  wait: seconds(90),
  ran: seconds(900),
  conclusion,
  labels: fc.constantFrom<readonly string[]>(["ubuntu-latest"], ["self-hosted", "linux"], ["x64", "gpu"]),
  createdAtMissing: fc.boolean(),
  resent: fc.boolean(),
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
    attempts: fc.array(attemptPlan, { minLength: 1, maxLength: 3 }),
  }),
  { minLength: 1, maxLength: 4 },
);

export type HistoryPlan = typeof historyPlan extends fc.Arbitrary<infer Plan> ? Plan : never;

type Plan<Name extends "attempts"> = HistoryPlan[number][Name][number];
type Attempt = Plan<"attempts">;

/** Spells a plan out as the events that GitHub would send; ids begin at `firstId`. */
export function eventsOf(plan: HistoryPlan, owner: string, firstId: number): HistoryEvent[] {
  const events: HistoryEvent[] = [];
  let clock = 0;
  let id = firstId;
  const repository = { full_name: `${owner}/app`, default_branch: "main" };

  const emit = (event: HistoryEvent["event"], payload: Record<string, unknown>, at: number, copies: boolean) => {
    const body = JSON.stringify({ ...payload, repository });
    // Events that share a second are told apart by the time in their GUID alone.
    const microseconds = (DAY_START + at * 1_000) * 1_000 + events.length * 20;
    events.push({ event, body, deliveryId: guid(microseconds, firstId) });
    if (copies) events.push({ event, body, deliveryId: guid(microseconds + 3, firstId + 1) });
  };

  for (const run of plan) {
    const runId = ++id;
    for (const [index, attempt] of run.attempts.entries()) {
      const start = clock;
      emitAttempt(attempt, { runId, runAttempt: index + 1, start, workflow: run.workflow, branch: run.branch });
      for (const job of attempt.jobs) emitJob(job, ++id, { runId, runAttempt: index + 1, start, workflow: run.workflow });
      clock += 3_000;
    }
  }
  return events;

  function emitAttempt(
    attempt: Attempt,
    of: { runId: number; runAttempt: number; start: number; workflow: string; branch: string | null },
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
            created_at: iso(0),
            run_started_at: iso(of.start),
            updated_at: iso(at),
          },
        },
        at,
        attempt.secondHook,
      );
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

  function emitJob(
    job: Attempt["jobs"][number],
    jobId: number,
    of: { runId: number; runAttempt: number; start: number; workflow: string },
  ) {
    const created = of.start + 1;
    const began = created + job.wait;
    const ended = began + job.ran;
    const send = (action: string, at: number, more: Record<string, unknown>, copies = job.secondHook) =>
      emit(
        "workflow_job",
        {
          action,
          workflow_job: {
            id: jobId,
            run_id: of.runId,
            run_attempt: of.runAttempt,
            workflow_name: of.workflow,
            status: action,
            conclusion: null,
            labels: job.labels,
            runner_id: null,
            created_at: job.createdAtMissing ? undefined : iso(created),
            started_at: iso(created),
            completed_at: null,
            ...more,
          },
        },
        at,
        copies,
      );
    const running = { started_at: iso(began), runner_id: 7 };
    const done = { ...running, completed_at: iso(ended), conclusion: job.conclusion };
    switch (job.kind) {
      case "skipped":
        return send("completed", created, {
          labels: [],
          started_at: iso(created - 1),
          completed_at: iso(created - 1),
          conclusion: "skipped",
        });
      case "other-app":
        return send("completed", ended, { ...done, runner_id: 0 });
      case "cancelled-in-queue":
        send("queued", created, {});
        return send("completed", ended, { ...done, runner_id: null, conclusion: "cancelled" });
      case "waiting":
        send("queued", created, {});
        return send("waiting", created, {});
      case "approval":
      case "requeued":
        send("queued", created, {});
        send("waiting", created, {});
        send("queued", created, {});
        break;
      default:
        send("queued", created, {});
    }
    if (job.kind === "queued" || job.kind === "requeued") return;
    if (job.kind !== "lost-in-progress") send("in_progress", began, running);
    if (job.kind === "twice-in-progress") send("in_progress", began, running);
    if (job.kind === "running") return;
    send("completed", ended, done);
    // Re-running the failed jobs of a run sends the finished ones' completion again, under new ids.
    if (job.resent) send("completed", ended, done, true);
  }
}
