import { asNumber, asObject, asText, type JsonObject } from "../../../src/simulator/reading.js";
import type { Delivery, LogRecord } from "./delivery-log.js";
import { type Hook, hookKey, type HookSpec, type HookTarget, makeHook } from "./hook.js";
import { delivered, post, type PostOutcome, unreachable } from "./post.js";
import { factsOf } from "./repositories.js";
import type { LogEntry } from "./schemas.js";

/**
 * The fate of a delivery: `deliver` posts it and logs the receiver's answer. `failed` does not post it, and logs a
 * failure. `unsent` does not post it and logs OK, as if a proxy had answered and dropped it.
 */
export type Fate = "deliver" | "failed" | "unsent";

export interface HooksOptions {
  /** The timeout of the receiver. GitHub's is 10 s. */
  readonly postTimeoutMs: number;
  readonly appId: number;
  /** The log's `delivered_at` of a redelivery. */
  readonly redeliveredAt: () => Date;
  /** The App's installation on an account, which only the App's log shows. */
  readonly installationOf: (account: string) => number | undefined;
}

/** All hooks with their logs. Sends, records and redelivers. */
export class Hooks {
  /** The number of redeliveries that fail next, or true for all. */
  redeliveryFails: number | true = 0;
  /** performance.now() of each redelivery request, to check the pace. */
  readonly writes: number[] = [];
  readonly #options: HooksOptions;
  readonly #hooks = new Map<string, Hook>();
  readonly #known = new Set<string>();
  readonly #pending = new Set<Promise<unknown>>();
  #nextId = 12_000_000_000;

  constructor(options: HooksOptions) {
    this.#options = options;
  }

  /** Adds a hook. For an existing hook, changes its target and keeps its log. */
  add(spec: HookSpec, target: HookTarget): Hook {
    const present = this.find(spec);
    if (present) {
      present.target = target;
      return present;
    }
    const hook = makeHook(spec, this.#options.appId, target);
    this.#hooks.set(hookKey(spec), hook);
    this.#known.add(hookKey(spec));
    return hook;
  }

  delete(spec: HookSpec): void {
    this.#hooks.delete(hookKey(spec));
  }

  /** Deletes the hooks of a repository, as GitHub does with the repository. */
  deleteOf(repository: string): void {
    for (const hook of this.#hooks.values()) {
      if (hook.repository?.toLowerCase() === repository.toLowerCase()) this.#hooks.delete(hookKey(hook.spec));
    }
  }

  find(spec: string): Hook | undefined {
    return this.#hooks.get(hookKey(spec));
  }

  /** Sends an event through a hook and logs it. Sends nothing and returns undefined if the hook is deleted. */
  async send(spec: HookSpec, delivery: Delivery, payload: JsonObject | undefined, fate: Fate, deliveredAt: Date) {
    const hook = this.find(spec);
    if (!hook && !this.#known.has(hookKey(spec))) throw new Error(`there was never a hook ${spec}`);
    if (!hook) return undefined;
    const outcome = fate === "deliver" ? await this.#post(hook, delivery) : fate === "failed" ? unreachable : delivered;
    const facts = this.#factsOf(hook, payload);
    return this.#append(hook, delivery, { ...outcome, ...facts, redelivery: hook.log.has(delivery.deliveryId) }, deliveredAt);
  }

  /** Redelivers the delivery of a log entry, after the 202 as GitHub does. */
  redeliver(hook: Hook, { entry, delivery }: LogRecord): void {
    const fails = this.redeliveryFails === true || this.redeliveryFails > 0;
    if (typeof this.redeliveryFails === "number" && fails) this.redeliveryFails -= 1;
    const { action, installation_id, repository_id } = entry;
    const work = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      const outcome = fails ? unreachable : await this.#post(hook, delivery);
      const facts = { ...outcome, action, installation_id, repository_id, redelivery: true };
      this.#append(hook, delivery, facts, this.#options.redeliveredAt());
    };
    const pending = work().finally(() => this.#pending.delete(pending));
    this.#pending.add(pending);
  }

  /** Resolves when no redelivery is in progress. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  #post(hook: Hook, delivery: Delivery): Promise<PostOutcome> {
    return post(hook, delivery, this.#options.postTimeoutMs);
  }

  #factsOf(hook: Hook, payload: JsonObject | undefined): Pick<LogEntry, "action" | "installation_id" | "repository_id"> {
    const repository = factsOf(asObject(payload?.["repository"]) ?? {});
    const installation = hook.kind === "integration" && repository ? this.#options.installationOf(repository.owner) : undefined;
    return {
      action: asText(payload?.["action"]) ?? null,
      installation_id: asNumber(asObject(payload?.["installation"])?.["id"]) ?? installation ?? null,
      repository_id: repository?.id || null,
    };
  }

  #append(
    hook: Hook,
    delivery: Delivery,
    facts: PostOutcome & Pick<LogEntry, "action" | "installation_id" | "repository_id" | "redelivery">,
    at: Date,
  ): LogEntry {
    const { deliveryId: guid, event } = delivery;
    const entry: LogEntry = { id: (this.#nextId += 1), guid, delivered_at: at.toISOString(), event, throttled_at: null, ...facts };
    hook.log.append({ entry, delivery });
    return entry;
  }
}
