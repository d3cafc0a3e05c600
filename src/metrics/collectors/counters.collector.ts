import { Injectable } from "@nestjs/common";
import { COUNTERS, Rollup } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import type { Collector } from "../collector.js";
import type { CollectedFamily } from "../exposition.js";
import { KeptSeries } from "../kept-series.js";

/** The durable counters. */
@Injectable()
export class CountersCollector implements Collector {
  readonly name = "counters";
  readonly #series = new KeptSeries("counter_series");

  constructor(private readonly rollup: Rollup) {}

  async collect(on: Queryable): Promise<readonly CollectedFamily[]> {
    // After the gauges were read: what has left them meanwhile is counted in the same answer.
    await this.rollup.run();
    const pages = await this.#series.pages(on);
    return Object.values(COUNTERS).map((family) => ({ family, samples: pages.get(family.name) ?? [] }));
  }
}
