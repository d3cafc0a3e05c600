import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { now } from "../tracing/index.js";
import type { Pending } from "./accept.sql.js";
import { RateLimiter } from "./rate-limiter.js";
import type { Delivery } from "./delivery.js";
import { laneOf, surplusLaneOf } from "./lanes.js";
import { projectionOf, repositoryOfBytes } from "../events/index.js";

/** A matrix of jobs is queued at once. Seconds of the rate. */
const BURST = 10;

/**
 * Decides in which lane a delivery waits. What one repository sends beyond `FAIR_SHARE` waits behind all others' deliveries,
 * so that a million of its rows hold up its own and nobody else's (docs/adr/0013).
 */
@Injectable()
export class FairShare {
  readonly #allowance: RateLimiter | undefined;

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, "FAIR_SHARE" | "PRIORITIES">) {
    this.#allowance = config.FAIR_SHARE > 0 ? new RateLimiter(config.FAIR_SHARE, BURST) : undefined;
  }

  /** A delivery as it is stored, with its projection and its lane. */
  pendingOf(delivery: Delivery): Pending {
    const projection = projectionOf(delivery.event, delivery.form, delivery.body);
    const since = delivery.traceparent === undefined ? undefined : now();
    return { delivery, projection, priority: this.#laneOf(delivery.event, projection), since };
  }

  #laneOf(event: string, projection: Buffer | null): number {
    const lane = laneOf(this.config.PRIORITIES, event, projection);
    const repository = this.#allowance && projection ? repositoryOfBytes(projection) : "";
    return repository !== "" && this.#allowance!.take(repository) > 0 ? surplusLaneOf(lane) : lane;
  }
}
