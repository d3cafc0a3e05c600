import { Injectable } from "@nestjs/common";
import { type Family, parseLabels, renderLabels, Rollup } from "../../counters/index.js";
import type { Queryable } from "../../database/index.js";
import { countOpenJobs, countOpenRuns } from "../../workflow-state/index.js";
import type { Collector } from "../collector.js";
import { type CollectedFamily, Samples } from "../exposition.js";
import { OpenGauges } from "../open-gauges.js";
import { counterRows, histogramRows } from "../series-rows.sql.js";
import { COUNTER_MAPPINGS, HISTOGRAM_MAPPINGS, OPEN_JOBS, OPEN_RUNS, openJobLabels, openRunLabels } from "./families.js";

/** promgithub's names from our truth (COMPAT_METRICS=promgithub), so that its dashboards outlive a migration. */
@Injectable()
export class PromgithubCollector implements Collector {
  readonly name = "promgithub";

  constructor(
    private readonly gauges: OpenGauges,
    private readonly rollup: Rollup,
  ) {}

  async collect(on: Queryable, askedAt: number): Promise<readonly CollectedFamily[]> {
    await this.rollup.upTo(askedAt);
    return [...(await this.#counters(on)), ...(await this.#histograms(on)), ...(await this.#openRuns(on)), ...(await this.#openJobs(on))];
  }

  async #counters(on: Queryable): Promise<CollectedFamily[]> {
    const samples = new Map<Family, Samples>(COUNTER_MAPPINGS.map(({ to }) => [to, new Samples(to)]));
    for (const row of await counterRows(
      on,
      COUNTER_MAPPINGS.map(({ from }) => from.name),
    )) {
      const ours = parseLabels(row.labels);
      for (const { from, to, labels } of COUNTER_MAPPINGS) if (from.name === row.metric) samples.get(to)?.set(labels(ours), row.value);
    }
    return [...samples.values()].map((family) => family.collected());
  }

  async #histograms(on: Queryable): Promise<CollectedFamily[]> {
    const rows = await histogramRows(
      on,
      HISTOGRAM_MAPPINGS.map(({ from }) => from.name),
    );
    return HISTOGRAM_MAPPINGS.map(({ from, to, labels }) => {
      const lines = rows
        .filter((row) => row.metric === from.name)
        .map((row) => {
          const own = renderLabels(to.labels, labels(parseLabels(row.labels)));
          const buckets = row.bounds.map((bound, index) => `${to.name}_bucket{${own},le="${bound}"} ${row.buckets[index] ?? 0}\n`);
          return `${buckets.join("")}${to.name}_bucket{${own},le="+Inf"} ${row.count}\n${to.name}_sum{${own}} ${row.sum}\n${to.name}_count{${own}} ${row.count}\n`;
        });
      return { family: to, samples: [Buffer.from(lines.join(""))] };
    });
  }

  async #openRuns(on: Queryable): Promise<CollectedFamily[]> {
    const rows = await countOpenRuns(on);
    return Object.entries(OPEN_RUNS).map(([status, family]) =>
      this.gauges.gauge(
        family,
        rows.filter((row) => row.status === status),
        (row) => ({ labels: openRunLabels({ owner: row.owner, repo: row.repo, workflow: row.workflow }), value: row.count }),
      ),
    );
  }

  async #openJobs(on: Queryable): Promise<CollectedFamily[]> {
    const rows = await countOpenJobs(on);
    return Object.entries(OPEN_JOBS).map(([status, family]) =>
      this.gauges.gauge(
        family,
        rows.filter((row) => row.status === status),
        (row) => ({
          labels: openJobLabels({ owner: row.owner, repo: row.repo, workflow: row.workflow, runs_on: row.runsOn }),
          value: row.count,
        }),
      ),
    );
  }
}
