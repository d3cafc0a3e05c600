import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../../config/config.js";
import { GAUGES } from "../../counters/catalogue.js";
import type { Queryable } from "../../database/sql.js";
import { countDeadLetters } from "../../inbox/dead-letters.sql.js";
import { gaugeByEvent } from "../by-event.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";

/** Deliveries that could not be processed. */
@Injectable()
export class DeadLettersCollector implements Collector {
  readonly name = "dead_letters";

  constructor(@Inject(CONFIG) private readonly config: Pick<Config, "MAX_SERIES_PER_METRIC">) {}

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    return [gaugeByEvent(GAUGES.deadLetters, await countDeadLetters(on), this.config.MAX_SERIES_PER_METRIC)];
  }
}
