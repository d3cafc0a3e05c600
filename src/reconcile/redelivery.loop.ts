import { Inject, Injectable } from "@nestjs/common";
import { doubled } from "../background/backoff.js";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config, type Hook } from "../config/index.js";
import { Leadership, SchemaGate } from "../database/index.js";
import { GitHubError, HookLog } from "../github/index.js";
import { logEntry } from "../logging/index.js";
import { hintFor } from "./hint.js";
import { MissedDeliveries } from "./missed-deliveries.js";
import type { Due } from "./missed-deliveries.sql.js";

/** How often it is seen what has come, at least; and the longest wait for the turn to write before it is asked again who leads. Seconds. */
const [SETTLE_EVERY, LONGEST_WAIT] = [5, 1];
const PRUNE_EVERY = 60;
/** Longest rest of a hook that takes no redelivery; the first one is the audit's interval, doubled each time in a row. Seconds. */
const LONGEST_REST = 3_600;

/** Asks GitHub for missed deliveries once more, one a round, and sees what has come of it. */
@Injectable()
export class RedeliveryLoop extends BackgroundLoop {
  readonly #hooks: ReadonlyMap<string, Hook>;
  /** Hooks that take none now. Their logs are read all the same. */
  readonly #resting = new Map<string, { readonly failures: number; readonly until: number }>();
  /** The one that waits for the turn to write. */
  #due: Due | undefined;
  #settleAt = Number.NEGATIVE_INFINITY;
  #pruneAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly leadership: Leadership,
    private readonly missed: MissedDeliveries,
    private readonly log: HookLog,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Pick<Config, "GITHUB_HOOKS" | "AUDIT_INTERVAL" | "REDELIVERY">,
  ) {
    super("reconcile/redelivery", Math.min(1, config.AUDIT_INTERVAL), schema.ready);
    this.#hooks = new Map(config.GITHUB_HOOKS.map((hook) => [hook.name, hook]));
  }

  async runOnce(): Promise<Outcome> {
    if (this.#hooks.size === 0 || (await this.leadership.lead("audit")) === undefined) return "idle";
    await this.#settle();
    if (this.config.REDELIVERY === "off") return "idle";
    const due = (this.#due ??= await this.#next());
    const hook = due && this.#hooks.get(due.hook);
    if (!hook) return "idle";
    const wait = await this.log.takeSlot();
    if (wait > 0) return { restSeconds: Math.min(wait, LONGEST_WAIT) };
    this.#due = undefined;
    if (!(await this.missed.begin(due))) return "again";
    try {
      await this.log.redeliver(hook, due.logId);
      await this.missed.redelivered(due);
      this.#resting.delete(hook.name);
    } catch (error) {
      if (!(error instanceof GitHubError)) throw error;
      await this.missed.notTaken(due, error);
      if (error.outcome === "gone" || error.outcome === "invalid") {
        this.logger.warn(
          logEntry(`${due.id} (${due.hook}) cannot be asked for, trying again later: ${error.message}`, {
            delivery_id: due.id,
            hook: due.hook,
          }),
        );
      } else {
        this.#letRest(hook.name, error);
      }
    }
    return "again";
  }

  #letRest(hook: string, error: GitHubError): void {
    const failures = this.#resting.get(hook)?.failures ?? 0;
    const seconds = error.waitSeconds ?? doubled(failures + 1, this.config.AUDIT_INTERVAL, LONGEST_REST);
    this.#resting.set(hook, { failures: failures + 1, until: performance.now() + 1_000 * seconds });
    this.logger.warn(`no redelivery from ${hook} for ${Math.ceil(seconds)} s: ${error.message}${hintFor(error)}`);
  }

  #next(): Promise<Due | undefined> {
    const now = performance.now();
    return this.missed.nextDue([...this.#hooks.keys()].filter((name) => (this.#resting.get(name)?.until ?? 0) <= now));
  }

  async #settle(): Promise<void> {
    if (performance.now() < this.#settleAt) return;
    await this.missed.settle();
    this.#settleAt = performance.now() + 1_000 * Math.min(SETTLE_EVERY, this.config.AUDIT_INTERVAL);
    if (performance.now() < this.#pruneAt) return;
    await this.missed.prune();
    this.#pruneAt = performance.now() + 1_000 * PRUNE_EVERY;
  }
}
