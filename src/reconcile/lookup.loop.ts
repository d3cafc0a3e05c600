import { Inject, Injectable } from "@nestjs/common";
import { doubled } from "../background/backoff.js";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/index.js";
import { isTransient, Leadership, SchemaGate } from "../database/index.js";
import { GitHubError } from "../github/index.js";
import { StaleRuns } from "./stale-runs.js";

/** Attempts per round. */
const BATCH = 100;
/** Limits of the interval between searches for stale runs. */
const [MIN_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS] = [0.05, 30];
/** Backoff after GitHub was unavailable, doubled with each consecutive failure. */
const [FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS] = [10, 600];

/** Looks up stale runs at GitHub: open, and without an event for longer than RECONCILE_AFTER. */
@Injectable()
export class LookupLoop extends BackgroundLoop {
  #failures = 0;

  constructor(
    private readonly leadership: Leadership,
    private readonly staleRuns: StaleRuns,
    schema: SchemaGate,
    @Inject(CONFIG) config: Pick<Config, "RECONCILE_AFTER">,
  ) {
    super("reconcile/lookup", Math.max(MIN_INTERVAL_SECONDS, Math.min(MAX_INTERVAL_SECONDS, config.RECONCILE_AFTER / 10)), schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    if (!this.staleRuns.canBeAsked) return "idle";
    const attempts = (await this.leadership.lead("lookup")) === undefined ? [] : await this.staleRuns.next(BATCH);
    for (const attempt of attempts) {
      // A batch may take longer than a leader term.
      if ((await this.leadership.lead("lookup")) === undefined) return "idle";
      try {
        await this.staleRuns.lookUp(attempt);
        this.#failures = 0;
      } catch (error) {
        const isGitHubError = error instanceof GitHubError;
        if (!isGitHubError && isTransient(error)) throw error;
        // Continue with the other attempts, unless GitHub is unavailable.
        const restSeconds = isGitHubError ? this.#backoffSeconds(error) : undefined;
        if (restSeconds !== undefined) return { restSeconds };
      }
    }
    return attempts.length === BATCH ? "again" : "idle";
  }

  /** @returns undefined if only this request failed */
  #backoffSeconds(error: GitHubError): number | undefined {
    if (error.waitSeconds === undefined && error.outcome !== "server_error" && error.outcome !== "no_answer") return undefined;
    this.#failures += 1;
    const seconds = error.waitSeconds ?? doubled(this.#failures, FIRST_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS);
    this.logger.warn(`pausing lookups for ${Math.ceil(seconds)} s: ${error.message}`);
    return seconds;
  }
}
