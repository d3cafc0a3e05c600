import type { LabelPolicy } from "../counters/index.js";
import type { Queryable } from "../database/index.js";
import { type Actions, GitHubError, type RepositoryName } from "../github/index.js";
import { type LookupResult, putLookupResults } from "../intake/index.js";
import { type AttemptLookup, jobAnswer, repositoryOf } from "./attempt-lookup.js";

/** GitHub's filters for open runs. A run that waits for an approval is listed as completed with action_required. */
const OPEN = ["queued", "in_progress", "waiting", "pending", "requested", "action_required"];
/** GitHub lists at most this many runs per filter. */
const MAX_LISTED_RUNS = 1_000;
const REQUEST_OPTIONS = { purpose: "backfill", reserve: 0.1 };

export interface BackfillScope {
  readonly orgs: readonly string[];
  readonly repositories: readonly RepositoryName[];
  /** Runs created earlier are skipped. */
  readonly since: Date;
}

/** Receives progress. */
export interface BackfillObserver {
  /** Called once with the number of repositories. */
  found(repositories: number): void;
  done(repository: RepositoryName, sum: BackfillSum): void;
  /** A repository or organization that could not be backfilled completely. */
  failed(what: string, why: string): void;
}

export interface BackfillSum {
  readonly repositories: number;
  readonly runs: number;
  readonly jobs: number;
  readonly failed: number;
}

/**
 * Adds the runs and jobs that are open at GitHub, through the inbox, so that the gauges are correct after the installation.
 * It can be repeated and can run beside live traffic: known facts are not counted twice.
 */
export class Backfill {
  readonly #sum = { repositories: 0, runs: 0, jobs: 0, failed: 0 };

  constructor(
    private readonly database: Queryable,
    private readonly actions: Actions,
    private readonly lookup: AttemptLookup,
    private readonly policy: Pick<LabelPolicy, "measures">,
    private readonly observer: BackfillObserver,
  ) {}

  /** @throws {GitHubError} if GitHub rejects the credentials */
  async run({ orgs, repositories, since }: BackfillScope): Promise<BackfillSum> {
    const names = new Map<string, RepositoryName>();
    const add = (name: RepositoryName) => {
      if (this.policy.measures(name.owner, name.repo)) names.set(`${name.owner}/${name.repo}`.toLowerCase(), name);
    };
    for (const org of orgs) {
      await this.#orReport(org, async () => {
        for await (const name of this.actions.repositoriesOf(org, REQUEST_OPTIONS)) add(name);
      });
    }
    for (const name of repositories) {
      if (this.policy.measures(name.owner, name.repo)) add(name);
      else this.#fail(`${name.owner}/${name.repo}`, "excluded by REPOSITORY_ALLOW or REPOSITORY_DENY");
    }
    this.observer.found(names.size);
    for (const name of names.values()) {
      await this.#orReport(`${name.owner}/${name.repo}`, () => this.#fill(name, since));
      this.#sum.repositories += 1;
      this.observer.done(name, this.#sum);
    }
    return this.#sum;
  }

  async #fill(name: RepositoryName, since: Date): Promise<void> {
    for (const status of OPEN) {
      const requestedAtMs = Date.now();
      const runs = await this.actions.runs(name, status, since, REQUEST_OPTIONS);
      for (const run of runs) {
        this.#sum.jobs += await this.#fillRun(name, run, requestedAtMs);
        this.#sum.runs += 1;
      }
      if (runs.length >= MAX_LISTED_RUNS) {
        this.#fail(
          `${name.owner}/${name.repo}`,
          `GitHub lists at most ${MAX_LISTED_RUNS} ${status} runs; run again with a later --since to add the newest ones`,
        );
      }
    }
  }

  /** @returns the number of open jobs */
  async #fillRun(name: RepositoryName, run: Readonly<Record<string, unknown>>, requestedAtMs: number): Promise<number> {
    const attempt = { ...name, runId: Number(run["id"]), runAttempt: Number(run["run_attempt"] ?? 1) };
    const answers: LookupResult[] = [await this.lookup.runAnswer(name, run, requestedAtMs, REQUEST_OPTIONS)];
    const jobsRequestedAtMs = Date.now();
    const jobs = await this.actions.jobs(attempt, REQUEST_OPTIONS).catch((error: unknown) => {
      // The run was deleted after it was listed.
      if (error instanceof GitHubError && error.outcome === "gone") return "unchanged" as const;
      throw error;
    });
    // Completed jobs are skipped.
    const open = jobs === "unchanged" ? [] : jobs.said.filter((job) => job["status"] !== "completed");
    answers.push(...open.map((job) => jobAnswer(attempt, repositoryOf(run, name), job, jobsRequestedAtMs)));
    await putLookupResults(this.database, answers);
    return open.length;
  }

  /** Reports a failed request and continues, unless GitHub rejects the credentials. */
  async #orReport(what: string, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      if (!(error instanceof GitHubError) || error.outcome === "unauthorized") throw error;
      this.#fail(what, error.message);
    }
  }

  #fail(what: string, why: string): void {
    this.#sum.failed += 1;
    this.observer.failed(what, why);
  }
}
