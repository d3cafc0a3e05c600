import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { now } from "../tracing/index.js";
import type { Pending } from "./accept.sql.js";
import { RateLimiter } from "./rate-limiter.js";
import type { Delivery } from "./delivery.js";
import { laneOf, overflowLaneOf } from "./lanes.js";
import { projectionOf, repositoryOfBytes } from "../events/index.js";

/** GitHub queues all jobs of a matrix at once. */
const BURST_SECONDS = 10;

/**
 * Chooses the lane of a delivery. Deliveries of a repository beyond `FAIR_SHARE` go to an overflow lane, so that one busy
 * repository does not delay the others (docs/adr/0013).
 */
@Injectable()
export class FairShare {
  readonly #rateLimiter: RateLimiter | undefined;

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, "FAIR_SHARE" | "PRIORITIES">) {
    this.#rateLimiter = config.FAIR_SHARE > 0 ? new RateLimiter(config.FAIR_SHARE, BURST_SECONDS) : undefined;
  }

  /** Adds the projection and the lane; takes one token of the repository. */
  pendingOf(delivery: Delivery): Pending {
    const projection = projectionOf(delivery.event, delivery.form, delivery.body);
    const since = delivery.traceparent === undefined ? undefined : now();
    return { delivery, projection, priority: this.#laneOf(delivery.event, projection), since };
  }

  #laneOf(event: string, projection: Buffer | null): number {
    const lane = laneOf(this.config.PRIORITIES, event, projection);
    const repository = this.#rateLimiter && projection ? repositoryOfBytes(projection) : "";
    return repository !== "" && this.#rateLimiter!.take(repository) > 0 ? overflowLaneOf(lane) : lane;
  }
}
