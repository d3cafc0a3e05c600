import { Injectable } from "@nestjs/common";
import { GAUGES } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import { countRetries } from "../../dead-letters/retries.sql.js";
import { gaugeByEvent } from "../by-event.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";

/** Deliveries that wait for a further attempt. */
@Injectable()
export class RetriesCollector implements Collector {
  readonly name = "retries";

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    return [gaugeByEvent(GAUGES.retries, await countRetries(on))];
  }
}
