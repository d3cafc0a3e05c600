import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import type { Queryable } from "../database/index.js";
import { LabelPolicy } from "./label-policy.js";
import { recordDelta } from "./metric-deltas.sql.js";
import { MetricDelta } from "./metric-delta.js";
import { writeIncrements } from "./written-increments.js";

/** Records metric deltas. The rollup (rollup.ts) adds the deltas of many transactions to the series at once. */
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
   * The delta counts exactly if the transaction of `on` commits. It is a new row, so it waits for no lock.
   * Call it once per transaction.
   * @throws if a series cannot be stored
   */
  async write(on: Queryable, { increments }: MetricDelta): Promise<void> {
    if (!increments.isEmpty) await recordDelta(on, writeIncrements(increments));
  }
}
