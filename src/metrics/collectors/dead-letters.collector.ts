import { Injectable } from "@nestjs/common";
import { GAUGES } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import { countDeadLetters } from "../../dead-letters/dead-letters.sql.js";
import { gaugeByEvent } from "../by-event.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";

/** Deliveries that could not be processed. */
@Injectable()
export class DeadLettersCollector implements Collector {
  readonly name = "dead_letters";

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const rows = await countDeadLetters(on);
    const bytes = rows.map(({ event, bytes: count }) => ({ event, count }));
    return [gaugeByEvent(GAUGES.deadLetters, rows), gaugeByEvent(GAUGES.deadLetterBytes, bytes)];
  }
}
