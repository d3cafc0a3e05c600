import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { type Delivery, RateLimiter } from "../intake/index.js";
import { projectionOf, repositoryOfBytes } from "../events/index.js";

const BURST_SECONDS = 10;

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
  readonly #owners: RateLimiter | undefined;

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, "INGEST_RATE_LIMIT" | "MAX_INFLIGHT_BYTES" | "MAX_INFLIGHT_REQUESTS">) {
    this.#owners = config.INGEST_RATE_LIMIT > 0 ? new RateLimiter(config.INGEST_RATE_LIMIT, BURST_SECONDS) : undefined;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Whole seconds that an owner has to wait for the next delivery; 0 where it may have this one. It goes by what is signed, the
   * secret and the owner in the body: headers can be changed at will in a request that is replayed.
   * @param secret its index
   */
  waitOf(secret: number, { event, form, body }: Pick<Delivery, "event" | "form" | "body">): number {
    if (!this.#owners) return 0;
    const projection = projectionOf(event, form, body);
    const [owner] = projection ? repositoryOfBytes(projection).split("/", 1) : [];
    return Math.ceil(this.#owners.take(`${secret} ${owner ?? ""}`));
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
