import { messageOf } from "../logging/index.js";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { COUNTERS, Counters, Rollup } from "../counters/index.js";
import { Database, isTransient, type Queryable } from "../database/index.js";
import { GitHub, GitHubError } from "../github/index.js";
import { putLookupResults } from "../intake/index.js";
import { closeAbsentJobs, closeGone, knowsRuns, noteAsked, type SilentAttempt, staleRuns } from "../workflow-state/index.js";
import { AttemptLookup, type LookedUp } from "./attempt-lookup.js";

/** What is open and was not heard of for long; each look-up and what follows from it is one transaction. */
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

  /** Those with the oldest news first. */
  async next(most: number): Promise<SilentAttempt[]> {
    // Whether events of runs come is seen in the counters.
    await this.rollup.run();
    return staleRuns(this.database, this.config.RECONCILE_AFTER, most);
  }

  /**
   * Asks GitHub and puts its answers into the inbox.
   * @throws {GitHubError} where it did not answer; unless that was for a pause, the attempt has had its turn all the same
   */
  async lookUp(attempt: SilentAttempt): Promise<void> {
    const etags = { run: attempt.runEtag, jobs: attempt.jobsEtag };
    const options = { purpose: "lookup", reserve: 1 - this.config.RECONCILE_BUDGET / 100 };
    try {
      const said = await this.lookup.ask(attempt, options, attempt.hasRun || (await knowsRuns(this.database)), etags);
      await this.#settle(said.outcome, (transaction) => this.#take(transaction, attempt, said));
    } catch (error) {
      if (error instanceof GitHubError ? error.waitSeconds !== undefined : isTransient(error)) throw error;
      // Whatever it is, it must not come first again and again.
      await this.#settle("failed", (transaction) => noteAsked(transaction, attempt, false, etags, false));
      this.#logger.warn(
        `run ${attempt.runId} of ${attempt.owner}/${attempt.repo} could not be looked up, trying again later: ${messageOf(error)}`,
      );
      throw error;
    }
  }

  async #take(transaction: Queryable, attempt: SilentAttempt, said: LookedUp): Promise<void> {
    if (said.outcome === "answered") await putLookupResults(transaction, said.answers, this.config.CI_TRACES === "on");
    if (said.outcome === "gone") await closeGone(transaction, attempt);
    if (said.outcome === "answered" && said.jobs) await closeAbsentJobs(transaction, attempt, said.jobs);
    const isFound = said.outcome === "answered" || said.outcome === "unchanged";
    await noteAsked(transaction, attempt, isFound, isFound ? said.etags : { run: null, jobs: null }, said.outcome === "answered");
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
