import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { type Delivery, RateLimiter } from "../intake/index.js";
import { projectionOf, repositoryOfBytes } from "../events/index.js";

const BURST_SECONDS = 10;

/** A request's share of the budgets. Call `release` when its work ends. */
export interface Admission {
  /** Takes more bytes; false if the budget is used up. */
  grow(bytes: number): boolean;
  release(): void;
}

/** Limits the requests and bytes held at once. Excess requests usually get 503 within a second instead of waiting for a commit. */
@Injectable()
export class AdmissionControl {
  #requests = 0;
  #bytes = 0;
  readonly #ownerLimiter: RateLimiter | undefined;

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, "INGEST_RATE_LIMIT" | "MAX_INFLIGHT_BYTES" | "MAX_INFLIGHT_REQUESTS">) {
    this.#ownerLimiter = config.INGEST_RATE_LIMIT > 0 ? new RateLimiter(config.INGEST_RATE_LIMIT, BURST_SECONDS) : undefined;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Takes a token of the owner. The key is signed data (secret, and owner in the body), because a replayed request can change headers.
   * @param secret index of the secret
   * @returns 0 if a token was available; otherwise the whole seconds until the next one
   */
  waitOf(secret: number, { event, form, body }: Pick<Delivery, "event" | "form" | "body">): number {
    if (!this.#ownerLimiter) return 0;
    const projection = projectionOf(event, form, body);
    const [owner] = projection ? repositoryOfBytes(projection).split("/", 1) : [];
    return Math.ceil(this.#ownerLimiter.take(`${secret} ${owner ?? ""}`));
  }

  /** @returns undefined if the budget of requests is used up */
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
