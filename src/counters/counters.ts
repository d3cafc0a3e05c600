import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import type { Queryable } from "../database/index.js";
import { LabelPolicy } from "./label-policy.js";
import { recordDelta } from "./metric-deltas.sql.js";
import { MetricDelta } from "./metric-delta.js";
import { writeIncrements } from "./written-increments.js";

/** Takes down what is to be counted. It is added to the series by the rollup (rollup.ts), for many transactions at once. */
@Injectable()
export class Counters {
  constructor(
    private readonly policy: LabelPolicy,
    @Inject(CONFIG) private readonly config: Pick<Config, "HISTOGRAM_BUCKETS">,
  ) {}

  newDelta(): MetricDelta {
    return new MetricDelta(this.policy, this.config.HISTOGRAM_BUCKETS);
  }

  /**
   * Counts it exactly when the transaction of `on` commits: a row of its own, for which nobody waits. Once in a transaction.
   * @throws where a series could not be stored
   */
  async write(on: Queryable, { increments }: MetricDelta): Promise<void> {
    if (!increments.isEmpty) await recordDelta(on, writeIncrements(increments));
  }
}
