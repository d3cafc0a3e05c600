import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/config.js";
import { isTransient } from "../database/errors.js";
import { Leadership } from "../database/leadership.js";
import { SchemaGate } from "../database/schema-gate.js";
import { GitHubError } from "../github/failure.js";
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
  #pausedUntil = Number.NEGATIVE_INFINITY;
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
    if (!this.staleRuns.canBeAsked || performance.now() < this.#pausedUntil) return "idle";
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
        if (isGitHubError && this.#backOff(error)) return "idle";
      }
    }
    return attempts.length === BATCH ? "again" : "idle";
  }

  /** @returns whether GitHub is unavailable, not only this request failed */
  #backOff(error: GitHubError): boolean {
    const seconds = error.waitSeconds ?? Math.min(MAX_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** Math.min(this.#failures, 10));
    if (error.waitSeconds === undefined && error.outcome !== "server_error" && error.outcome !== "no_answer") return false;
    this.#failures += 1;
    this.#pausedUntil = performance.now() + 1_000 * seconds;
    this.logger.warn(`pausing lookups for ${Math.ceil(seconds)} s: ${error.message}`);
    return true;
  }
}
