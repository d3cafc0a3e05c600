import { Injectable } from "@nestjs/common";
import { HISTOGRAMS, Rollup } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";
import { KeptSeries } from "../kept-series.js";

/** The durable histograms. */
@Injectable()
export class HistogramsCollector implements Collector {
  readonly name = "histograms";
  readonly #series = new KeptSeries("histogram_series");

  constructor(private readonly rollup: Rollup) {}

  async collect(on: Queryable, askedAt: number): Promise<readonly CollectedFamily[]> {
    await this.rollup.upTo(askedAt);
    const pages = await this.#series.pages(on);
    return Object.values(HISTOGRAMS).map((family) => ({ family, samples: pages.get(family.name) ?? [] }));
  }
}
