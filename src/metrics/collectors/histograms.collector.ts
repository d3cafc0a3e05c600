import { Injectable } from "@nestjs/common";
import { HISTOGRAMS } from "../../counters/catalogue.js";
import type { Queryable } from "../../database/sql.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";
import { histogramLines } from "../series-text.sql.js";

/** The durable histograms. */
@Injectable()
export class HistogramsCollector implements Collector {
  readonly name = "histograms";

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    const lines = await histogramLines(on);
    return Object.values(HISTOGRAMS).map((family) => ({ family, samples: lines.get(family.name) ?? "" }));
  }
}
