import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { type Family, LabelPolicy } from "../counters/index.js";
import { Samples } from "./exposition.js";

/** Makes gauges of grouped rows by the same label policy and budget that the counters obey. */
@Injectable()
export class OpenGauges {
  constructor(
    private readonly policy: LabelPolicy,
    @Inject(CONFIG) private readonly config: Pick<Config, "MAX_SERIES_PER_METRIC">,
  ) {}

  /** @param combine how rows that share a label set are joined: a sum for counts, the greatest for ages */
  gauge<Row extends { owner: string; repo: string }>(
    family: Family,
    rows: readonly Row[],
    read: (row: Row) => { labels: readonly string[]; value: number },
    combine?: (a: number, b: number) => number,
  ) {
    const samples = new Samples(family, combine);
    for (const row of rows) {
      if (!this.policy.measures(row.owner, row.repo)) continue;
      const { labels, value } = read(row);
      samples.set(this.policy.shown(family.labels, labels), value);
    }
    return samples.within(this.config.MAX_SERIES_PER_METRIC, (labels) => this.policy.foldedText(labels)).collected();
  }
}
