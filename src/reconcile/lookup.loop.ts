import { Inject, Injectable } from "@nestjs/common";
import { doubled } from "../background/backoff.js";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/index.js";
import { isTransient, Leadership, SchemaGate } from "../database/index.js";
import { GitHubError } from "../github/index.js";
import { StaleRuns } from "./stale-runs.js";

/** Attempts in one round. */
const BATCH = 100;
/** How often it is seen who is silent, at least and at most. Seconds. */
const [LOOK_AT_MOST_EVERY, LOOK_AT_LEAST_EVERY] = [0.05, 30];
/** Rest after GitHub failed as a whole, doubled each time in a row. Seconds. */
const [FIRST_REST, LONGEST_REST] = [10, 600];

/** The stuck-state check: what is open and silent for longer than RECONCILE_AFTER is looked up at GitHub. */
@Injectable()
export class LookupLoop extends BackgroundLoop {
  #failures = 0;

  constructor(
    private readonly leadership: Leadership,
    private readonly silent: StaleRuns,
    schema: SchemaGate,
    @Inject(CONFIG) config: Pick<Config, "RECONCILE_AFTER">,
  ) {
    super("reconcile/lookup", Math.max(LOOK_AT_MOST_EVERY, Math.min(LOOK_AT_LEAST_EVERY, config.RECONCILE_AFTER / 10)), schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    if (!this.silent.canBeAsked) return "idle";
    const attempts = (await this.leadership.lead("lookup")) === undefined ? [] : await this.silent.next(BATCH);
    for (const attempt of attempts) {
      // A batch may take longer than a term.
      if ((await this.leadership.lead("lookup")) === undefined) return "idle";
      try {
        await this.silent.lookUp(attempt);
        this.#failures = 0;
      } catch (error) {
        const isOfGitHub = error instanceof GitHubError;
        if (!isOfGitHub && isTransient(error)) throw error;
        // The others are looked up all the same, unless it is GitHub that fails.
        const restSeconds = isOfGitHub ? this.#restAfter(error) : 0;
        if (restSeconds > 0) return { restSeconds };
      }
    }
    return attempts.length === BATCH ? "again" : "idle";
  }

  /** @returns seconds without look-ups; 0 if only this one request failed */
  #restAfter(error: GitHubError): number {
    if (error.waitSeconds === undefined && error.outcome !== "server_error" && error.outcome !== "no_answer") return 0;
    this.#failures += 1;
    const seconds = error.waitSeconds ?? doubled(this.#failures, FIRST_REST, LONGEST_REST);
    this.logger.warn(`no look-ups for ${Math.ceil(seconds)} s: ${error.message}`);
    return seconds;
  }
}
