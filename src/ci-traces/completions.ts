import type { Queryable } from "../database/index.js";
import type { GitHubEvent, JsonObject } from "../events/index.js";
import { addJobs, addRuns, keyOf, reopen, withAttempts } from "./outbox.sql.js";
import { type JobRecord, recordJob, recordRun, type RunRecord } from "./records.js";

/** Collects the completed jobs and runs of a batch for their traces. */
export class Completions {
  readonly #jobs = new Map<number, JobRecord>();
  readonly #runs = new Map<string, RunRecord>();

  /** @param settleSeconds time to wait for late jobs of a completed run */
  constructor(private readonly settleSeconds: number) {}

  /** Reads the body of a delivery. It does not throw on missing fields, because a trace must not fail a delivery. */
  note(projection: GitHubEvent, body: JsonObject): void {
    if (projection.kind === "workflow_job" && mayHaveCompleted(projection)) {
      const job = recordJob(projection, body);
      const before = this.#jobs.get(projection.id);
      // A check run of another app can have the id of the job, but fewer steps.
      if (job && !(before && before.steps.length > job.steps.length)) this.#jobs.set(job.jobId, job);
    }
    // `action_required` waits for an approval and is not a completion (truth rule 3).
    if (projection.kind === "workflow_run" && mayHaveCompleted(projection) && projection.conclusion !== "action_required") {
      const run = recordRun(projection, body);
      const before = run && this.#runs.get(keyOf(run));
      if (run && !(before && before.completedAt > run.completedAt)) this.#runs.set(keyOf(run), run);
    }
  }

  /**
   * Writes the completions that are new in this batch, in its transaction, as its last locks.
   * @param runs by {@link keyOf}
   */
  async write(on: Queryable, freshJobs: readonly number[], freshRuns: readonly string[]): Promise<void> {
    const jobs = await withAttempts(
      on,
      freshJobs.flatMap((id) => this.#jobs.get(id) ?? []),
    );
    const runs = freshRuns.flatMap((key) => this.#runs.get(key) ?? []);
    await addJobs(on, jobs);
    await addRuns(on, runs, this.settleSeconds);
    const [added, others] = [new Set(runs.map(keyOf)), new Map(jobs.map((job) => [keyOf(job), job]))];
    for (const key of added) others.delete(key);
    await reopen(on, [...others.values()], this.settleSeconds);
  }
}

/** A cheap filter: write() keeps only jobs and runs whose completed fact is new. */
const mayHaveCompleted = ({ action, status }: { readonly action: string; readonly status: string }): boolean =>
  action === "completed" || status === "completed";
