import { setTimeout as sleep } from "node:timers/promises";
import type { LabelPolicy } from "../counters/label-policy.js";
import type { Queryable } from "../database/sql.js";
import type { Actions, RepositoryName } from "../github/actions.js";
import { GitHubError } from "../github/failure.js";
import { type AnswerDelivery, putAnswers } from "../inbox/answers.js";
import { type AttemptLookup, jobAnswer } from "./attempt-lookup.js";

/** What a run that is open may be in. */
const STATUSES = ["queued", "in_progress", "waiting", "pending", "requested"];
/** GitHub lists no more runs of one filter. */
const MOST_LISTED = 1_000;
const MANNER = { purpose: "backfill", reserve: 0.1 };
/** Attempts at a repository that GitHub fails to answer for, and the rest between them in seconds. */
const [MOST_ATTEMPTS, REST] = [5, 2];

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
  /** GitHub's limits allow no request for so many seconds. */
  waits(seconds: number): void;
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
  #sum = { repositories: 0, runs: 0, jobs: 0, failed: 0 };

  constructor(
    private readonly database: Queryable,
    private readonly actions: Actions,
    private readonly lookup: AttemptLookup,
    private readonly policy: Pick<LabelPolicy, "measures">,
    private readonly observer: BackfillObserver,
  ) {}

  async run({ orgs, repositories, since }: BackfillScope): Promise<BackfillSum> {
    const names = new Map<string, RepositoryName>();
    const add = (name: RepositoryName) =>
      this.policy.measures(name.owner, name.repo) && names.set(`${name.owner}/${name.repo}`.toLowerCase(), name);
    for (const name of repositories) add(name);
    for (const org of orgs) {
      await this.#patiently(org, async () => {
        for await (const name of this.actions.repositoriesOf(org, MANNER)) add(name);
      });
    }
    this.observer.found(names.size);
    for (const name of names.values()) {
      await this.#patiently(`${name.owner}/${name.repo}`, () => this.#fill(name, since));
      this.#sum.repositories += 1;
      this.observer.done(name, this.#sum);
    }
    return this.#sum;
  }

  async #fill(name: RepositoryName, since: Date): Promise<void> {
    let [runs, jobs] = [0, 0];
    for (const status of STATUSES) {
      let listed = 0;
      for await (const run of this.actions.runs(name, status, since, MANNER)) {
        listed += 1;
        jobs += await this.#fillRun(name, run);
      }
      if (listed >= MOST_LISTED)
        this.observer.failed(
          `${name.owner}/${name.repo}`,
          `GitHub lists no more than ${MOST_LISTED} ${status} runs; fill the rest with a later --since`,
        );
      runs += listed;
    }
    this.#sum.runs += runs;
    this.#sum.jobs += jobs;
  }

  /** @returns how many jobs are open */
  async #fillRun(name: RepositoryName, run: Readonly<Record<string, unknown>>): Promise<number> {
    const [runId, runAttempt] = [Number(run["id"]), Number(run["run_attempt"] ?? 1)];
    const answers: AnswerDelivery[] = [await this.lookup.runAnswer(name, run, MANNER)];
    const asked = Date.now();
    const jobs = await this.actions.jobs({ ...name, runId, runAttempt }, MANNER).catch((error: unknown) => {
      // It was deleted meanwhile.
      if (error instanceof GitHubError && error.outcome === "gone") return "unchanged" as const;
      throw error;
    });
    // What has completed is history.
    const open = jobs === "unchanged" ? [] : jobs.said.filter((job) => job["status"] !== "completed");
    answers.push(...open.map((job) => jobAnswer(name, job, asked)));
    await putAnswers(this.database, answers);
    return open.length;
  }

  /** Waits where GitHub says so, tries again where it fails, and goes on without what it does not give. */
  async #patiently(what: string, work: () => Promise<void>): Promise<void> {
    for (let attempt = 1; ;) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof GitHubError)) throw error;
        if (error.outcome === "limited" && error.waitSeconds !== undefined) {
          this.observer.waits(error.waitSeconds);
          await sleep(1_000 * error.waitSeconds);
          continue;
        }
        const mayPass = error.outcome === "server_error" || error.outcome === "no_answer";
        if (!mayPass || attempt >= MOST_ATTEMPTS) {
          this.#sum.failed += 1;
          return this.observer.failed(what, error.message);
        }
        await sleep(1_000 * REST * attempt);
        attempt += 1;
      }
    }
  }
}
