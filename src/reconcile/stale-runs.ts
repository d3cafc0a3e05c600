import { messageOf } from "../logging/index.js";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { COUNTERS, Counters, Rollup } from "../counters/index.js";
import { Database, isTransient, type Queryable } from "../database/index.js";
import { GitHub, GitHubError } from "../github/index.js";
import { putLookupResults } from "../intake/index.js";
import { closeAbsentJobs, closeGone, knowsRuns, recordLookup, type StaleAttempt, staleRuns } from "../workflow-state/index.js";
import { AttemptLookup, type LookedUp } from "./attempt-lookup.js";

/** Open attempts without a recent event. Each lookup stores its result in one transaction. */
@Injectable()
export class StaleRuns {
  readonly #logger = new Logger("reconcile/lookup");

  constructor(
    private readonly database: Database,
    private readonly counters: Counters,
    private readonly rollup: Rollup,
    private readonly github: GitHub,
    private readonly lookup: AttemptLookup,
    @Inject(CONFIG) private readonly config: Pick<Config, "RECONCILE_AFTER" | "RECONCILE_BUDGET" | "CI_TRACES">,
  ) {}

  get canBeAsked(): boolean {
    return this.github.isConfigured;
  }

  /** Stale attempts, the oldest last event or lookup first. */
  async next(most: number): Promise<StaleAttempt[]> {
    // knowsRuns() reads the counters, so apply all deltas first.
    await this.rollup.run();
    return staleRuns(this.database, this.config.RECONCILE_AFTER, most);
  }

  /**
   * Looks up an attempt and puts the results into the inbox.
   * @throws {GitHubError} if GitHub failed; the lookup counts as done unless GitHub asked for a pause
   */
  async lookUp(attempt: StaleAttempt): Promise<void> {
    const etags = { run: attempt.runEtag, jobs: attempt.jobsEtag };
    const options = { purpose: "lookup", reserve: 1 - this.config.RECONCILE_BUDGET / 100 };
    try {
      const result = await this.lookup.ask(attempt, options, attempt.hasRun || (await knowsRuns(this.database)), etags);
      await this.#settle(result.outcome, (transaction) => this.#apply(transaction, attempt, result));
    } catch (error) {
      if (error instanceof GitHubError ? error.waitSeconds !== undefined : isTransient(error)) throw error;
      // Record the failed lookup, so that this attempt does not block the others.
      await this.#settle("failed", (transaction) => recordLookup(transaction, attempt, false, etags, false));
      this.#logger.warn(
        `run ${attempt.runId} of ${attempt.owner}/${attempt.repo} could not be looked up, retrying later: ${messageOf(error)}`,
      );
      throw error;
    }
  }

  async #apply(transaction: Queryable, attempt: StaleAttempt, result: LookedUp): Promise<void> {
    if (result.outcome === "answered") await putLookupResults(transaction, result.answers, this.config.CI_TRACES === "on");
    if (result.outcome === "gone") await closeGone(transaction, attempt);
    if (result.outcome === "answered" && result.jobs) await closeAbsentJobs(transaction, attempt, result.jobs);
    const isFound = result.outcome === "answered" || result.outcome === "unchanged";
    await recordLookup(transaction, attempt, isFound, isFound ? result.etags : { run: null, jobs: null }, result.outcome === "answered");
  }

  async #settle(outcome: LookedUp["outcome"] | "failed", work: (transaction: Queryable) => Promise<void>): Promise<void> {
    const delta = this.counters.newDelta();
    delta.add(COUNTERS.lookups, [outcome]);
    await this.database.transaction(async (transaction) => {
      await work(transaction);
      await this.counters.write(transaction, delta);
    });
  }
}
