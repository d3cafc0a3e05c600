import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../../config/config.js";
import { GAUGES } from "../../counters/catalogue.js";
import type { Queryable } from "../../database/sql.js";
import { countDeadLetters } from "../../inbox/dead-letters.sql.js";
import type { Collector } from "../collector.js";
import { type CollectedFamily, Samples } from "../exposition.js";

/** Deliveries that could not be processed. */
@Injectable()
export class DeadLettersCollector implements Collector {
  readonly name = "dead_letters";

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, "MAX_SERIES_PER_METRIC">) {}

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const samples = new Samples(GAUGES.deadLetters);
    for (const [index, { event, count }] of (await countDeadLetters(on)).entries()) {
      samples.set([index < this.config.MAX_SERIES_PER_METRIC ? event : "other"], count);
    }
    return [samples.collected()];
  }
}
