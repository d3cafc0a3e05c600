import { asNumber, asObject, asText, type JsonObject } from "../../../src/simulator/reading.js";
import { attemptOf, further, jobSnapshot, type JobSnapshot, runSnapshot, type Snapshot } from "./snapshot.js";

/** An attempt of a run in its latest known state. */
export interface Attempt {
  readonly runId: number;
  readonly number: number;
  readonly snapshot: Snapshot;
}

interface RepositoryState {
  readonly runs: Map<number, Map<number, Snapshot>>;
  readonly jobs: Map<number, JobSnapshot>;
  /** Job ids by run id and attempt. */
  readonly jobsOf: Map<string, Set<number>>;
}

/** Runs and jobs from all events, with or without a webhook. */
export class ActionsState {
  readonly #repositories = new Map<string, RepositoryState>();

  /** Applies an event. Other events than those of runs and jobs change nothing. */
  take(event: string, repository: string, payload: JsonObject, guid: string): void {
    const action = asText(payload["action"]);
    const run = event === "workflow_run" ? asObject(payload["workflow_run"]) : undefined;
    if (run) this.#takeRun(repository, run, runSnapshot(action, run, guid));
    const job = event === "workflow_job" ? asObject(payload["workflow_job"]) : undefined;
    if (job) this.#takeJob(repository, jobSnapshot(action, job, guid));
  }

  /** The newest attempt of each run, newest run first. */
  runs(repository: string): Attempt[] {
    const ids = [...(this.#find(repository)?.runs.keys() ?? [])].sort((a, b) => b - a);
    return ids.flatMap((id) => this.run(repository, id) ?? []);
  }

  /** The newest attempt of a run. A run known only by its jobs has none. */
  run(repository: string, id: number): Attempt | undefined {
    const attempts = this.#find(repository)?.runs.get(id);
    return attempts && this.attempt(repository, id, Math.max(...attempts.keys()));
  }

  attempt(repository: string, runId: number, number: number): Attempt | undefined {
    const snapshot = this.#find(repository)?.runs.get(runId)?.get(number);
    return snapshot && { runId, number, snapshot };
  }

  /** The jobs of an attempt by id, or undefined if neither the attempt nor its jobs exist. */
  jobs(repository: string, runId: number, attempt: number): JobSnapshot[] | undefined {
    const ids = this.#find(repository)?.jobsOf.get(`${runId}/${attempt}`);
    if (!ids) return this.attempt(repository, runId, attempt) && [];
    return [...ids].sort((a, b) => a - b).flatMap((id) => this.job(repository, id) ?? []);
  }

  /** A job. An open job of a finished attempt counts as cancelled. */
  job(repository: string, id: number): JobSnapshot | undefined {
    const job = this.#find(repository)?.jobs.get(id);
    const attempt = job && this.attempt(repository, job.runId, job.attempt)?.snapshot;
    if (!job || job.terminal || !attempt?.terminal) return job;
    const payload = { ...job.payload, completed_at: attempt.payload["updated_at"] };
    return { ...job, status: "completed", conclusion: "cancelled", terminal: true, payload };
  }

  deleteRun(id: number): void {
    for (const { runs, jobs, jobsOf } of this.#repositories.values()) {
      runs.delete(id);
      for (const job of jobs.values()) if (job.runId === id) jobs.delete(job.id);
      for (const key of jobsOf.keys()) if (key.startsWith(`${id}/`)) jobsOf.delete(key);
    }
  }

  deleteRepository(repository: string): void {
    this.#repositories.delete(repository.toLowerCase());
  }

  #find(repository: string): RepositoryState | undefined {
    return this.#repositories.get(repository.toLowerCase());
  }

  #state(repository: string): RepositoryState {
    const key = repository.toLowerCase();
    const state = this.#repositories.get(key) ?? { runs: new Map(), jobs: new Map(), jobsOf: new Map() };
    this.#repositories.set(key, state);
    return state;
  }

  #takeRun(repository: string, run: JsonObject, snapshot: Snapshot): void {
    const { runs } = this.#state(repository);
    const id = asNumber(run["id"]) ?? 0;
    const attempts = runs.get(id) ?? new Map<number, Snapshot>();
    runs.set(id, attempts.set(attemptOf(run), further(attempts.get(attemptOf(run)), snapshot)));
  }

  #takeJob(repository: string, job: JobSnapshot): void {
    const { jobs, jobsOf } = this.#state(repository);
    jobs.set(job.id, further(jobs.get(job.id), job));
    const key = `${job.runId}/${job.attempt}`;
    jobsOf.set(key, (jobsOf.get(key) ?? new Set()).add(job.id));
  }
}
