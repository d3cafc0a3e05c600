import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/config.js";
import { Allowance } from "../inbox/allowance.js";

/** Of the rate of a webhook. Seconds. */
const BURST = 10;

/** A request's share of the budgets; give it back exactly once. */
export interface Admission {
  /** Takes more bytes; false where the budget is spent. */
  grow(bytes: number): boolean;
  release(): void;
}

/** The budgets of requests and bytes held at once: beyond them the surplus is told so within a second, usually, instead of waiting for a commit. */
@Injectable()
export class AdmissionControl {
  #requests = 0;
  #bytes = 0;
  readonly #hooks: Allowance | undefined;

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, "INGEST_RATE_LIMIT" | "MAX_INFLIGHT_BYTES" | "MAX_INFLIGHT_REQUESTS">) {
    this.#hooks = config.INGEST_RATE_LIMIT > 0 ? new Allowance(config.INGEST_RATE_LIMIT, BURST) : undefined;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Whole seconds that a webhook has to wait for its next delivery; 0 where it may have this one. */
  waitOf(hookId: number | null): number {
    return Math.ceil(this.#hooks?.take(String(hookId ?? "")) ?? 0);
  }

  /** @returns undefined where the budget of requests is spent */
  admit(): Admission | undefined {
    if (this.#requests >= this.config.MAX_INFLIGHT_REQUESTS) return undefined;
    this.#requests += 1;
    let held = 0;
    let open = true;
    return {
      grow: (bytes) => {
        if (this.#bytes + bytes > this.config.MAX_INFLIGHT_BYTES) return false;
        held += bytes;
        this.#bytes += bytes;
        return true;
      },
      release: () => {
        if (!open) return;
        open = false;
        this.#requests -= 1;
        this.#bytes -= held;
      },
    };
  }
}
