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

/** Interval of the check for arrived deliveries; longest wait for a write slot before leadership is checked again. */
const [SETTLE_INTERVAL_SECONDS, MAX_SLOT_WAIT_SECONDS] = [5, 1];
const DELETE_INTERVAL_SECONDS = 60;
/** Longest backoff of a hook after failed redelivery requests. The first is AUDIT_INTERVAL; it doubles with each consecutive failure. */
const MAX_BACKOFF_SECONDS = 3_600;

/** Requests redelivery of missed deliveries, one per round, and records which have arrived. */
@Injectable()
export class RedeliveryLoop extends BackgroundLoop {
  readonly #hooks: ReadonlyMap<string, Hook>;
  /** Hooks in backoff. Their logs are still audited. */
  readonly #inBackoff = new Map<string, { readonly failures: number; readonly until: number }>();
  /** The delivery that waits for a write slot. */
  #due: Due | undefined;
  #settleAt = Number.NEGATIVE_INFINITY;
  #deleteAt = Number.NEGATIVE_INFINITY;

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
    if (wait > 0) return { restSeconds: Math.min(wait, MAX_SLOT_WAIT_SECONDS) };
    this.#due = undefined;
    if (!(await this.missed.begin(due))) return "again";
    try {
      await this.log.redeliver(hook, due.logId);
      await this.missed.redelivered(due);
      this.#inBackoff.delete(hook.name);
    } catch (error) {
      if (!(error instanceof GitHubError)) throw error;
      await this.missed.notTaken(due, error);
      if (error.outcome === "gone" || error.outcome === "invalid") {
        this.logger.warn(
          logEntry(`${due.id} (${due.hook}) could not be requested from GitHub, retrying later: ${error.message}`, {
            delivery_id: due.id,
            hook: due.hook,
          }),
        );
      } else {
        this.#backOff(hook.name, error);
      }
    }
    return "again";
  }

  #backOff(hook: string, error: GitHubError): void {
    const failures = this.#inBackoff.get(hook)?.failures ?? 0;
    const seconds = error.waitSeconds ?? doubled(failures + 1, this.config.AUDIT_INTERVAL, MAX_BACKOFF_SECONDS);
    this.#inBackoff.set(hook, { failures: failures + 1, until: performance.now() + 1_000 * seconds });
    this.logger.warn(`pausing redeliveries of ${hook} for ${Math.ceil(seconds)} s: ${error.message}${hintFor(error)}`);
  }

  #next(): Promise<Due | undefined> {
    const now = performance.now();
    return this.missed.nextDue([...this.#hooks.keys()].filter((name) => (this.#inBackoff.get(name)?.until ?? 0) <= now));
  }

  async #settle(): Promise<void> {
    if (performance.now() < this.#settleAt) return;
    await this.missed.settle();
    this.#settleAt = performance.now() + 1_000 * Math.min(SETTLE_INTERVAL_SECONDS, this.config.AUDIT_INTERVAL);
    if (performance.now() < this.#deleteAt) return;
    await this.missed.prune();
    this.#deleteAt = performance.now() + 1_000 * DELETE_INTERVAL_SECONDS;
  }
}
