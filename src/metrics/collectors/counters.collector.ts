import { Injectable } from "@nestjs/common";
import { COUNTERS } from "../../counters/catalogue.js";
import { Database } from "../../database/database.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";
import { counterLines } from "../series-text.sql.js";

/** The durable counters. */
@Injectable()
export class CountersCollector implements Collector {
  readonly name = "counters";

  constructor(private readonly database: Database) {}

  async collect(): Promise<readonly CollectedFamily[]> {
    const lines = await counterLines(this.database);
    return Object.values(COUNTERS).map((family) => ({ family, samples: lines.get(family.name) ?? "" }));
  }
}
