import { Injectable } from "@nestjs/common";
import { COUNTERS } from "../../counters/catalogue.js";
import type { Queryable } from "../../database/sql.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";
import { counterLines } from "../series-text.sql.js";

/** The durable counters. */
@Injectable()
export class CountersCollector implements Collector {
  readonly name = "counters";

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const lines = await counterLines(on);
    return Object.values(COUNTERS).map((family) => ({ family, samples: lines.get(family.name) ?? "" }));
  }
}
