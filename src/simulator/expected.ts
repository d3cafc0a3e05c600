import { ticksOfEventId, ticksOfMilliseconds } from "./event-id.js";
import { executionsOf } from "./execution-truth.js";
import { judgeExecution, judgeState, readJobEvent, type SimulatedJobEvent } from "./job-truth.js";
import type { SimulatedDelivery } from "./model.js";
import { asObject, asText, readRepository, type JsonObject } from "./reading.js";
import { judgeAttempt, readRunEvent, type SimulatedRunEvent } from "./run-truth.js";
import { SeriesMap } from "./series.js";

/** Upper bounds of all histograms, in seconds. */
export const defaultBounds: readonly number[] = [1, 5, 10, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 21600];

/** The metrics with an expectation; histograms by name without suffix. */
export const coveredMetrics: ReadonlySet<string> = new Set([
  "github_workflow_runs",
  "github_workflow_runs_requested_total",
  "github_workflow_runs_started_total",
  "github_workflow_runs_completed_total",
  "github_workflow_run_duration_seconds",
  "github_workflow_jobs",
  "github_workflow_jobs_queued_total",
  "github_workflow_jobs_started_total",
  "github_workflow_jobs_completed_total",
  "github_workflow_job_queue_seconds",
  "github_workflow_job_duration_seconds",
  "github_push_commits_total",
  "github_pull_requests_total",
  "github_events_total",
]);

/** The fields of a delivery that Expectation reads. */
export type ExpectedDelivery = Omit<SimulatedDelivery, "hookId">;

/**
 * Computes the expected metrics of the added deliveries. It stores all events by entity and applies the truth
 * rules to complete histories in series(). It shares no code with the server, so that it can find the server's errors.
 */
export class Expectation {
  readonly #ids = new Set<string>();
  readonly #owners = new Set<string>();
  readonly #direct = new SeriesMap();
  readonly #attempts = new Map<number, Map<number, SimulatedRunEvent[]>>();
  readonly #jobs = new Map<number, SimulatedJobEvent[]>();
  /** The newest attempt that a job names, by run. */
  readonly #named = new Map<number, number>();
  readonly #bounds: readonly number[];
  readonly #interned = new Map<string, SimulatedRunEvent["labels"]>();

  /** `bounds` are those of all histograms, in seconds. */
  constructor(options: { readonly bounds?: readonly number[] | undefined } = {}) {
    this.#bounds = options.bounds ?? defaultBounds;
  }

  /** The owners of all repositories in the deliveries. */
  owners(): ReadonlySet<string> {
    return this.#owners;
  }

  /**
   * Adds a delivery; a known id or a body that is not a JSON object is ignored.
   * `receivedAt` (milliseconds since 1970) is the event time if the GUID contains no time.
   */
  add(delivery: ExpectedDelivery, receivedAt = 0): void {
    if (this.#ids.has(delivery.deliveryId)) return;
    this.#ids.add(delivery.deliveryId);
    const payload = parseBody(delivery.body);
    if (payload === undefined) return;
    const { event } = delivery;
    this.#direct.add("github_events_total", { event, action: asText(payload["action"]) ?? "" });
    const owner = readRepository(payload)?.owner;
    if (owner !== undefined) this.#owners.add(owner);
    const time = ticksOfEventId(delivery.deliveryId) ?? ticksOfMilliseconds(receivedAt);
    if (event === "workflow_run") this.#keepRun(readRunEvent(payload, time));
    else if (event === "workflow_job") this.#keepJob(readJobEvent(payload, time));
    else if (event === "push") countPush(payload, this.#direct);
    else if (event === "pull_request") countPullRequest(payload, this.#direct);
  }

  /** The expected series by their Prometheus text. Gauges have only series that are not 0. */
  series(): SeriesMap {
    const series = new SeriesMap(this.#direct);
    for (const [runId, attempts] of this.#attempts) {
      const newest = this.#newestAttempt(runId);
      for (const [attempt, history] of attempts) {
        judgeAttempt(history, attempt === newest, this.#bounds, series);
      }
    }
    const byRun = new Map<number, SimulatedJobEvent[][]>();
    for (const history of this.#jobs.values()) {
      const { runId } = history[0]!;
      byRun.set(runId, [...(byRun.get(runId) ?? []), history]);
    }
    for (const [runId, jobs] of byRun) {
      for (const history of jobs) judgeState(history, this.#isLive(history, this.#newestAttempt(runId)), series);
      for (const execution of executionsOf(jobs)) judgeExecution(execution, this.#bounds, series);
    }
    return series;
  }

  /** The newest attempt of a run in its own events or its jobs'; 0 if unknown. */
  #newestAttempt(runId: number): number {
    return Math.max(0, this.#named.get(runId) ?? 0, ...(this.#attempts.get(runId)?.keys() ?? []));
  }

  #isLive([job]: readonly SimulatedJobEvent[], newest: number): boolean {
    if (job === undefined) return true;
    const attempt = job.attempt ?? newest;
    if (attempt < newest) return false;
    return !(this.#attempts.get(job.runId)?.get(attempt) ?? []).some((event) => event.status === "completed");
  }

  #keepRun(event: SimulatedRunEvent | undefined): void {
    if (event === undefined) return;
    const attempts = this.#attempts.get(event.runId) ?? new Map<number, SimulatedRunEvent[]>();
    this.#attempts.set(event.runId, attempts);
    const history = attempts.get(event.attempt) ?? [];
    attempts.set(event.attempt, [...history, { ...event, labels: this.#shared(event.labels) }]);
  }

  #keepJob(event: SimulatedJobEvent | undefined): void {
    if (event === undefined) return;
    this.#named.set(event.runId, Math.max(this.#named.get(event.runId) ?? 0, event.attempt ?? 0));
    const history = this.#jobs.get(event.jobId) ?? [];
    this.#jobs.set(event.jobId, [...history, { ...event, labels: this.#shared(event.labels) }]);
  }

  /** Interns label sets, because millions of events share some hundred of them. */
  #shared(labels: SimulatedRunEvent["labels"]): SimulatedRunEvent["labels"] {
    const key = JSON.stringify(labels);
    const known = this.#interned.get(key);
    if (known !== undefined) return known;
    this.#interned.set(key, labels);
    return labels;
  }
}

function parseBody(body: string): JsonObject | undefined {
  try {
    return asObject(JSON.parse(body));
  } catch {
    return undefined;
  }
}

function countPush(payload: JsonObject, series: SeriesMap): void {
  const repository = readRepository(payload);
  const commits = Array.isArray(payload["commits"]) ? payload["commits"].length : 0;
  const ref = asText(payload["ref"]) ?? "";
  if (repository === undefined || commits === 0) return;
  const { owner, repo, defaultBranch } = repository;
  const onDefault = defaultBranch !== undefined && ref === `refs/heads/${defaultBranch}`;
  const branch = ref.startsWith("refs/tags/") ? "tag" : onDefault ? "default" : "other";
  series.add("github_push_commits_total", { owner, repo, branch }, commits);
}

function countPullRequest(payload: JsonObject, series: SeriesMap): void {
  const repository = readRepository(payload);
  const pull = asObject(payload["pull_request"]);
  if (repository === undefined || pull === undefined) return;
  const { owner, repo, defaultBranch } = repository;
  const base = asText(asObject(pull["base"])?.["ref"]);
  const base_branch = base !== undefined && base === defaultBranch ? "default" : "other";
  const action = asText(payload["action"]) ?? "";
  series.add("github_pull_requests_total", { owner, repo, base_branch, action });
}
