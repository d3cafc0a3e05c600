import { Injectable } from "@nestjs/common";
import { HISTOGRAMS } from "../../counters/catalogue.js";
import { Database } from "../../database/database.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";
import { histogramLines } from "../series-text.sql.js";

/** The durable histograms. */
@Injectable()
export class HistogramsCollector implements Collector {
  readonly name = "histograms";

  constructor(private readonly database: Database) {}

  async collect(): Promise<readonly CollectedFamily[]> {
    const lines = await histogramLines(this.database);
    return Object.values(HISTOGRAMS).map((family) => ({ family, samples: lines.get(family.name) ?? "" }));
  }
}
