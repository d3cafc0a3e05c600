import type { Queryable } from "../database/index.js";
import type { GitHubEvent, JsonObject } from "../events/index.js";
import { addJobs, addRuns, keyOf, reopen, withAttempts } from "./outbox.sql.js";
import { type JobRecord, recordJob, recordRun, type RunRecord } from "./records.js";

/** What the deliveries of one batch say of jobs and runs that have completed, for their traces. */
export class Completions {
  readonly #jobs = new Map<number, JobRecord>();
  readonly #runs = new Map<string, RunRecord>();

  /** @param settle seconds that the jobs of a completed run still have to come in */
  constructor(private readonly settle: number) {}

  /** Reads the body of a delivery. Whatever it lacks, it does not throw: a trace is not worth a delivery. */
  note(projection: GitHubEvent, body: JsonObject): void {
    if (projection.kind === "workflow_job" && mayHaveCompleted(projection)) {
      const job = recordJob(projection, body);
      const before = this.#jobs.get(projection.id);
      // A check run of another app comes with less than the job that it is about.
      if (job && !(before && before.steps.length > job.steps.length)) this.#jobs.set(job.jobId, job);
    }
    // `action_required` waits for an approval, and has completed nothing (truth rule 3).
    if (projection.kind === "workflow_run" && mayHaveCompleted(projection) && projection.conclusion !== "action_required") {
      const run = recordRun(projection, body);
      const before = run && this.#runs.get(keyOf(run));
      if (run && !(before && before.completedAt > run.completedAt)) this.#runs.set(keyOf(run), run);
    }
  }

  /**
   * Keeps those whose completion was not known before this batch, in its transaction, as the last of its locks.
   * @param runs by {@link keyOf}
   */
  async write(on: Queryable, freshJobs: readonly number[], freshRuns: readonly string[]): Promise<void> {
    const jobs = await withAttempts(
      on,
      freshJobs.flatMap((id) => this.#jobs.get(id) ?? []),
    );
    const runs = freshRuns.flatMap((key) => this.#runs.get(key) ?? []);
    await addJobs(on, jobs);
    await addRuns(on, runs, this.settle);
    const [added, others] = [new Set(runs.map(keyOf)), new Map(jobs.map((job) => [keyOf(job), job]))];
    for (const key of added) others.delete(key);
    await reopen(on, [...others.values()], this.settle);
  }
}

/** Whether it has is decided by the state that it leads to; what is noted too often is not written. */
const mayHaveCompleted = ({ action, status }: { readonly action: string; readonly status: string }): boolean =>
  action === "completed" || status === "completed";
