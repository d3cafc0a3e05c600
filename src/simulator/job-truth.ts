import { asNumber, asObject, asSeconds, asText, readRepository, type JsonObject } from "./reading.js";
import { isLaterState } from "./run-truth.js";
import type { SeriesLabels, SeriesMap } from "./series.js";

/** Fields of one `workflow_job` event. Times are seconds since 1970. */
export interface SimulatedJobEvent {
  readonly jobId: number;
  readonly runId: number;
  /** Undefined if the payload omits it. */
  readonly attempt: number | undefined;
  readonly name: string;
  readonly labels: SeriesLabels;
  readonly status: string;
  readonly conclusion: string;
  /** Undefined without a runner. */
  readonly runner: number | undefined;
  readonly hasStartedStep: boolean;
  readonly deploys: boolean;
  readonly createdAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly completedAt: number | undefined;
  readonly updatedAt: number;
  /** 100 ns since 1582. */
  readonly eventTime: bigint;
}

const actions = new Set(["queued", "waiting", "in_progress", "completed"]);

/** Reads a `workflow_job` payload; undefined if it contains no job. */
export function readJobEvent(payload: JsonObject, eventTime: bigint): SimulatedJobEvent | undefined {
  const job = asObject(payload["workflow_job"]);
  const repository = readRepository(payload);
  const jobId = asNumber(job?.["id"]);
  if (job === undefined || repository === undefined || jobId === undefined) return undefined;
  const action = asText(payload["action"]) ?? "";
  const status = asText(job["status"]) ?? "";
  const runner = asNumber(job["runner_id"]);
  const wanted = Array.isArray(job["labels"]) ? job["labels"].map(String) : [];
  const [createdAt, startedAt, completedAt] = [asSeconds(job["created_at"]), asSeconds(job["started_at"]), asSeconds(job["completed_at"])];
  return {
    jobId,
    runId: asNumber(job["run_id"]) ?? 0,
    attempt: asNumber(job["run_attempt"]),
    name: asText(job["name"]) ?? "",
    labels: {
      owner: repository.owner,
      repo: repository.repo,
      workflow: asText(job["workflow_name"]) ?? "",
      runs_on: wanted.toSorted().join(","),
    },
    status: actions.has(action) ? action : actions.has(status) ? status : "queued",
    conclusion: asText(job["conclusion"]) ?? "",
    runner: runner === 0 ? undefined : runner,
    hasStartedStep: Array.isArray(job["steps"]) && job["steps"].some((step) => asText(asObject(step)?.["started_at"]) !== undefined),
    deploys: asObject(payload["deployment"]) !== undefined,
    createdAt,
    startedAt,
    completedAt,
    updatedAt: Math.max(createdAt ?? 0, startedAt ?? 0, completedAt ?? 0),
    eventTime,
  };
}

/** The events of one job. */
export type JobHistory = readonly SimulatedJobEvent[];

const isSkipped = (event: SimulatedJobEvent): boolean => event.status === "completed" && event.conclusion === "skipped";

/** Whether the event proves that the job ran. */
const provesRun = (event: SimulatedJobEvent): boolean =>
  event.status === "in_progress" ||
  (event.status === "completed" && !isSkipped(event) && (event.runner !== undefined || event.hasStartedStep));

/** Whether the event is of a copy that a re-run made of a finished job. */
export const isCopied = (event: SimulatedJobEvent): boolean =>
  event.status === "completed" &&
  event.runner !== undefined &&
  event.attempt !== 1 &&
  event.completedAt !== undefined &&
  !(event.createdAt !== undefined && event.createdAt <= event.completedAt);

/** A check run of another app, which needs no runner. */
const isCheck = (event: SimulatedJobEvent): boolean =>
  event.status === "completed" &&
  event.runner === undefined &&
  !event.hasStartedStep &&
  event.labels["runs_on"] === "" &&
  !(event.startedAt !== undefined && event.completedAt !== undefined && event.completedAt > event.startedAt);

export const latest = (history: JobHistory): SimulatedJobEvent =>
  history.reduce((best, event) => (isLaterState(event, best) ? event : best));

/** Queue time in seconds, from the earliest event that gives it. */
function queueSeconds(history: JobHistory): number | undefined {
  if (history.some(({ status }) => status === "waiting")) return undefined;
  for (const event of history.toSorted((a, b) => (a.eventTime < b.eventTime ? -1 : 1))) {
    const { createdAt, startedAt, status } = event;
    if (createdAt === undefined || startedAt === undefined || event.deploys || isSkipped(event) || isCopied(event)) continue;
    if (status === "completed" || (status === "in_progress" && startedAt > createdAt)) return Math.max(0, startedAt - createdAt);
  }
  return undefined;
}

/** Adds the gauge of one job. `isLive`: no newer attempt of its run is known, and its own attempt has not completed. */
export function judgeState(history: JobHistory, isLive: boolean, series: SeriesMap): void {
  const { labels, status } = latest(history);
  if (isLive && status !== "completed") series.add("github_workflow_jobs", { ...labels, status });
}

/** Evaluates one execution, which has one or more jobs, and adds its series. */
export function judgeExecution(jobs: readonly JobHistory[], bounds: readonly number[], series: SeriesMap): void {
  const events = jobs.flat();
  const labels = events[0]!.labels;
  const ran = events.some(provesRun);
  if (events.some((event) => !isSkipped(event) && !isCheck(event))) series.add("github_workflow_jobs_queued_total", labels);
  if (ran) series.add("github_workflow_jobs_started_total", labels);
  const queued = jobs.map(queueSeconds).find((seconds) => seconds !== undefined);
  if (ran && queued !== undefined) series.observe("github_workflow_job_queue_seconds", labels, queued, bounds);
  const end = jobs.map(latest).find(({ status }) => status === "completed");
  if (end === undefined) return;
  const concluded = { ...labels, conclusion: end.conclusion };
  series.add("github_workflow_jobs_completed_total", concluded);
  const { startedAt, completedAt } = end;
  if (!ran || isSkipped(end) || startedAt === undefined || completedAt === undefined) return;
  series.observe("github_workflow_job_duration_seconds", concluded, Math.max(0, completedAt - startedAt), bounds);
}
