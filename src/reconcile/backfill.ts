import type { LabelPolicy } from "../counters/index.js";
import type { Queryable } from "../database/index.js";
import { type Actions, GitHubError, type RepositoryName } from "../github/index.js";
import { type LookupResult, putLookupResults } from "../intake/index.js";
import { type AttemptLookup, jobAnswer, repositoryOf } from "./attempt-lookup.js";

/** How GitHub lists what is open; a run that waits for an approval has "completed" there. */
const OPEN = ["queued", "in_progress", "waiting", "pending", "requested", "action_required"];
/** GitHub lists no more runs of one filter. */
const MOST_LISTED = 1_000;
const MANNER = { purpose: "backfill", reserve: 0.1 };

export interface BackfillScope {
  readonly orgs: readonly string[];
  readonly repositories: readonly RepositoryName[];
  /** Runs that were created before are left out. */
  readonly since: Date;
}

/** What is going on, for whoever waits. */
export interface BackfillObserver {
  /** How many repositories there are. */
  found(repositories: number): void;
  done(repository: RepositoryName, sum: BackfillSum): void;
  /** What could not be filled, or not wholly. */
  failed(what: string, why: string): void;
}

export interface BackfillSum {
  readonly repositories: number;
  readonly runs: number;
  readonly jobs: number;
  readonly failed: number;
}

/**
 * Fills in the runs and jobs that are open at GitHub now, through the inbox, so that the gauges are right from the first
 * minute. To do so again, or beside live traffic, changes nothing: what is known is not counted twice.
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

  /** @throws {GitHubError} where the credentials are refused */
  async run({ orgs, repositories, since }: BackfillScope): Promise<BackfillSum> {
    const names = new Map<string, RepositoryName>();
    const add = (name: RepositoryName) => {
      if (this.policy.measures(name.owner, name.repo)) names.set(`${name.owner}/${name.repo}`.toLowerCase(), name);
    };
    for (const org of orgs) {
      await this.#orElse(org, async () => {
        for await (const name of this.actions.repositoriesOf(org, MANNER)) add(name);
      });
    }
    for (const name of repositories) {
      if (this.policy.measures(name.owner, name.repo)) add(name);
      else this.#fail(`${name.owner}/${name.repo}`, "REPOSITORY_ALLOW and REPOSITORY_DENY leave it out");
    }
    this.observer.found(names.size);
    for (const name of names.values()) {
      await this.#orElse(`${name.owner}/${name.repo}`, () => this.#fill(name, since));
      this.#sum.repositories += 1;
      this.observer.done(name, this.#sum);
    }
    return this.#sum;
  }

  async #fill(name: RepositoryName, since: Date): Promise<void> {
    for (const status of OPEN) {
      const asked = Date.now();
      const runs = await this.actions.runs(name, status, since, MANNER);
      for (const run of runs) {
        this.#sum.jobs += await this.#fillRun(name, run, asked);
        this.#sum.runs += 1;
      }
      if (runs.length >= MOST_LISTED) {
        this.#fail(
          `${name.owner}/${name.repo}`,
          `GitHub lists no more than ${MOST_LISTED} ${status} runs; fill in the newest ones with a later --since`,
        );
      }
    }
  }

  /** @returns how many jobs are open */
  async #fillRun(name: RepositoryName, run: Readonly<Record<string, unknown>>, asked: number): Promise<number> {
    const attempt = { ...name, runId: Number(run["id"]), runAttempt: Number(run["run_attempt"] ?? 1) };
    const answers: LookupResult[] = [await this.lookup.runAnswer(name, run, asked, MANNER)];
    const askedJobs = Date.now();
    const jobs = await this.actions.jobs(attempt, MANNER).catch((error: unknown) => {
      // It was deleted meanwhile.
      if (error instanceof GitHubError && error.outcome === "gone") return "unchanged" as const;
      throw error;
    });
    // What has completed is history.
    const open = jobs === "unchanged" ? [] : jobs.said.filter((job) => job["status"] !== "completed");
    answers.push(...open.map((job) => jobAnswer(attempt, repositoryOf(run, name), job, askedJobs)));
    await putLookupResults(this.database, answers);
    return open.length;
  }

  /** Goes on without what GitHub does not give; without credentials there is nothing to go on with. */
  async #orElse(what: string, work: () => Promise<void>): Promise<void> {
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
