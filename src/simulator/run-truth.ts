import { asNumber, asObject, asSeconds, asText, type JsonObject } from "./reading.js";
import { readRepository } from "./reading.js";
import type { SeriesLabels, SeriesMap } from "./series.js";

/** Fields of one `workflow_run` event. Times are seconds since 1970. */
export interface SimulatedRunEvent {
  readonly runId: number;
  readonly attempt: number;
  readonly labels: SeriesLabels;
  readonly branch: string;
  readonly trigger: string;
  readonly status: string;
  readonly conclusion: string;
  readonly updatedAt: number;
  readonly startedAt: number | undefined;
  /** 100 ns since 1582. */
  readonly eventTime: bigint;
}

const openStatuses = new Set(["requested", "queued", "pending", "waiting", "in_progress"]);
const conclusionsOfStartedRuns = new Set(["success", "failure", "timed_out", "neutral"]);

function statusOf(action: string, status: string, conclusion: string): string {
  if (conclusion === "action_required") return "waiting";
  if (action === "completed" || action === "in_progress") return action;
  if (action !== "requested" && status === "completed") return status;
  return openStatuses.has(status) ? status : "queued";
}

function branchOf(run: JsonObject, fullName: string, defaultBranch: string | undefined): string {
  const branch = asText(run["head_branch"]);
  if (branch === undefined || branch === "") return "";
  // The head repository is null if the fork was deleted.
  if (run["head_repository"] === null) return "other";
  const head = asText(asObject(run["head_repository"])?.["full_name"]);
  if (head !== undefined && head !== fullName) return "other";
  // The head of a release's run is a tag; other payloads do not distinguish tags.
  if (run["event"] === "release") return "tag";
  return branch === defaultBranch ? "default" : "other";
}

/** Reads a `workflow_run` payload; undefined if it contains no run. */
export function readRunEvent(payload: JsonObject, eventTime: bigint): SimulatedRunEvent | undefined {
  const run = asObject(payload["workflow_run"]);
  const repository = readRepository(payload);
  const runId = asNumber(run?.["id"]);
  if (run === undefined || repository === undefined || runId === undefined) return undefined;
  const action = asText(payload["action"]) ?? "";
  const status = asText(run["status"]) ?? "";
  const conclusion = asText(run["conclusion"]) ?? "";
  const workflow = asText(asObject(payload["workflow"])?.["name"]) ?? (asText(run["name"]) || asText(run["path"])) ?? "";
  return {
    runId,
    attempt: asNumber(run["run_attempt"]) ?? 1,
    labels: { owner: repository.owner, repo: repository.repo, workflow },
    branch: branchOf(run, repository.fullName, repository.defaultBranch),
    trigger: asText(run["event"]) ?? "",
    status: statusOf(action, status, conclusion),
    conclusion,
    updatedAt: asSeconds(run["updated_at"]) ?? 0,
    startedAt: asSeconds(run["run_started_at"]),
    eventTime,
  };
}

const rankOf = (status: string): number => (status === "completed" ? 2 : status === "in_progress" ? 1 : 0);

/** Whether event `a` gives a later state than event `b`. Rank 2 is terminal. */
export function isLaterState(
  a: { status: string; updatedAt: number; eventTime: bigint },
  b: { status: string; updatedAt: number; eventTime: bigint },
): boolean {
  const terminal = Number(a.status === "completed") - Number(b.status === "completed");
  if (terminal !== 0) return terminal > 0;
  if (a.updatedAt !== b.updatedAt) return a.updatedAt > b.updatedAt;
  const rank = rankOf(a.status) - rankOf(b.status);
  return rank === 0 ? a.eventTime > b.eventTime : rank > 0;
}

/** A failure in the second of the start, for example because of an invalid workflow file. */
const endedAtOnce = (event: SimulatedRunEvent): boolean => event.conclusion === "failure" && event.startedAt === event.updatedAt;

/** Evaluates all events of one attempt and adds its series. `isLatest`: no newer attempt is known. */
export function judgeAttempt(history: readonly SimulatedRunEvent[], isLatest: boolean, bounds: readonly number[], series: SeriesMap): void {
  const first = history[0];
  if (first === undefined) return;
  const { labels } = first;
  const counted = { ...labels, branch: first.branch, event: first.trigger };
  const completions = history.filter((event) => event.status === "completed");
  const completion = completions.reduce<SimulatedRunEvent | undefined>(
    (best, event) => (best === undefined || isLaterState(event, best) ? event : best),
    undefined,
  );
  const hasBegun = history.some(({ status }) => status === "in_progress");
  const ran = (event: SimulatedRunEvent) => conclusionsOfStartedRuns.has(event.conclusion) && !endedAtOnce(event);
  const started = hasBegun || completions.some(ran);

  series.add("github_workflow_runs_requested_total", counted);
  if (started) series.add("github_workflow_runs_started_total", counted);
  if (completion === undefined) {
    const state = history.reduce((best, event) => (isLaterState(event, best) ? event : best));
    if (isLatest) series.add("github_workflow_runs", { ...labels, status: state.status });
    return;
  }
  const { conclusion, startedAt, updatedAt } = completion;
  series.add("github_workflow_runs_completed_total", { ...counted, conclusion });
  if (startedAt === undefined || (endedAtOnce(completion) && !hasBegun)) return;
  series.observe(
    "github_workflow_run_duration_seconds",
    { ...labels, branch: first.branch, conclusion },
    Math.max(0, updatedAt - startedAt),
    bounds,
  );
}
