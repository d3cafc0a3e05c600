import { asNumber, asObject, asSeconds, asText, readRepository, type JsonObject } from "./reading.js";
import { isLaterState } from "./run-truth.js";
import type { Labels, SeriesMap } from "./series.js";

/** What one `workflow_job` event says. Times in seconds since 1970. */
export interface JobEvent {
  readonly jobId: number;
  readonly runId: number;
  readonly attempt: number;
  readonly labels: Labels;
  readonly status: string;
  readonly conclusion: string;
  readonly hasRunner: boolean;
  readonly createdAt: number | undefined;
  readonly startedAt: number | undefined;
  readonly completedAt: number | undefined;
  readonly updatedAt: number;
  /** 100 ns since 1582. */
  readonly eventTime: bigint;
}

const actions = new Set(["queued", "waiting", "in_progress", "completed"]);

/** Reads a `workflow_job` payload; undefined when it speaks of no job. */
export function readJobEvent(payload: JsonObject, eventTime: bigint): JobEvent | undefined {
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
    attempt: asNumber(job["run_attempt"]) ?? 1,
    labels: {
      owner: repository.owner,
      repo: repository.repo,
      workflow: asText(job["workflow_name"]) ?? "",
      runs_on: wanted.toSorted().join(","),
    },
    status: actions.has(action) ? action : actions.has(status) ? status : "queued",
    conclusion: asText(job["conclusion"]) ?? "",
    hasRunner: runner !== undefined && runner !== 0,
    createdAt,
    startedAt,
    completedAt,
    updatedAt: Math.max(createdAt ?? 0, startedAt ?? 0, completedAt ?? 0),
    eventTime,
  };
}

/** A job ran, or runs, as far as this event knows. */
const ran = (event: JobEvent): boolean =>
  event.status === "in_progress" || (event.status === "completed" && event.hasRunner && event.conclusion !== "skipped");

/** Seconds in the queue, from the earliest event that can tell. */
function queueSeconds(history: readonly JobEvent[]): number | undefined {
  const [first] = history
    .filter(ran)
    .filter((event) => event.createdAt !== undefined && event.startedAt !== undefined)
    .toSorted((a, b) => (a.eventTime < b.eventTime ? -1 : 1));
  if (first?.startedAt === undefined || first.createdAt === undefined) return undefined;
  return Math.max(0, first.startedAt - first.createdAt);
}

/**
 * Judges the whole history of one job and adds its series. `isLive`: no newer attempt of its run
 * is known, and its own attempt has not completed.
 */
export function judgeJob(history: readonly JobEvent[], isLive: boolean, bounds: readonly number[], series: SeriesMap): void {
  const [first] = history;
  if (first === undefined) return;
  const { labels } = first;
  const state = history.reduce((best, event) => (isLaterState(event, best) ? event : best));
  const onlySkipped = history.every((e) => e.status === "completed" && e.conclusion === "skipped");

  if (!onlySkipped) series.add("github_workflow_jobs_queued_total", labels);
  if (history.some(ran)) series.add("github_workflow_jobs_started_total", labels);
  const queued = queueSeconds(history);
  if (queued !== undefined) {
    series.observe("github_workflow_job_queue_seconds", labels, queued, bounds);
  }
  if (state.status !== "completed") {
    if (isLive) series.add("github_workflow_jobs", { ...labels, status: state.status });
    return;
  }
  const concluded = { ...labels, conclusion: state.conclusion };
  series.add("github_workflow_jobs_completed_total", concluded);
  const { startedAt, completedAt } = state;
  if (!ran(state) || startedAt === undefined || completedAt === undefined) return;
  series.observe("github_workflow_job_duration_seconds", concluded, Math.max(0, completedAt - startedAt), bounds);
}
