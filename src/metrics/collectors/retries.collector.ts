import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../../config/config.js";
import { GAUGES } from "../../counters/catalogue.js";
import type { Queryable } from "../../database/sql.js";
import { countRetries } from "../../inbox/retries.sql.js";
import type { Collector } from "../collector.js";
import { type CollectedFamily, Samples } from "../exposition.js";

/** Deliveries that wait for a further attempt. */
@Injectable()
export class RetriesCollector implements Collector {
  readonly name = "retries";

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, "MAX_SERIES_PER_METRIC">) {}

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const samples = new Samples(GAUGES.retries);
    for (const [index, { event, count }] of (await countRetries(on)).entries()) {
      samples.set([index < this.config.MAX_SERIES_PER_METRIC ? event : "other"], count);
    }
    return [samples.collected()];
  }
}
