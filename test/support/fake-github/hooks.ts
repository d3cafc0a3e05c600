import { asNumber, asObject, asText, type JsonObject } from "../../../src/simulator/reading.js";
import type { Delivery, LogRecord } from "./delivery-log.js";
import { type Hook, hookKey, type HookSpec, type HookTarget, makeHook } from "./hook.js";
import { delivered, post, type PostOutcome, unreachable } from "./post.js";
import { factsOf } from "./repositories.js";
import type { LogEntry } from "./schemas.js";

/**
 * What becomes of a delivery: `deliver` posts it and logs what the receiver answered; `failed` does not post it, and the log says
 * so; `unsent` does not post it either, but the log says OK: something in between answered and swallowed it.
 */
export type Fate = "deliver" | "failed" | "unsent";

export interface HooksOptions {
  /** How long the receiver may take. GitHub: 10 s. */
  readonly postTimeoutMs: number;
  readonly appId: number;
  /** The log's `delivered_at` of a redelivery. */
  readonly redeliveredAt: () => Date;
  /** The app's installation on an account, which the app's log says, and the others' do not. */
  readonly installationOf: (account: string) => number | undefined;
}

/** All hooks with their logs: what is sent, what is written down of it, and what is sent again. */
export class Hooks {
  /** How many of the next redeliveries fail; true for all of them. */
  redeliveryFails: number | true = 0;
  /** performance.now() of each redelivery that was asked for, for the pace. */
  readonly writes: number[] = [];
  readonly #options: HooksOptions;
  readonly #hooks = new Map<string, Hook>();
  readonly #known = new Set<string>();
  readonly #pending = new Set<Promise<unknown>>();
  #nextId = 12_000_000_000;

  constructor(options: HooksOptions) {
    this.#options = options;
  }

  /** Adds a hook. With the spec of one that is there, it changes where that one delivers to, and the log stays. */
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

  /** As GitHub does when a repository is deleted. */
  deleteOf(repository: string): void {
    for (const hook of this.#hooks.values()) {
      if (hook.repository?.toLowerCase() === repository.toLowerCase()) this.#hooks.delete(hookKey(hook.spec));
    }
  }

  find(spec: string): Hook | undefined {
    return this.#hooks.get(hookKey(spec));
  }

  /** Sends an event through a hook, and writes it down. Undefined when the hook has been deleted: then nothing is sent. */
  async send(spec: HookSpec, delivery: Delivery, payload: JsonObject | undefined, fate: Fate, deliveredAt: Date) {
    const hook = this.find(spec);
    if (!hook && !this.#known.has(hookKey(spec))) throw new Error(`there was never a hook ${spec}`);
    if (!hook) return undefined;
    const outcome = fate === "deliver" ? await this.#post(hook, delivery) : fate === "failed" ? unreachable : delivered;
    const facts = this.#factsOf(hook, payload);
    return this.#append(hook, delivery, { ...outcome, ...facts, redelivery: hook.log.has(delivery.deliveryId) }, deliveredAt);
  }

  /** Sends what an entry of the log is about again, later, as GitHub does after its 202. */
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

  /** Until no redelivery is under way. */
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
