import { AggregatorRegistry } from "prom-client";

/** An example observation of a bucket. */
export interface Exemplar {
  readonly labelSet: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

/** One metric in prom-client's JSON form. */
export interface MetricSnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly {
    readonly labels: Readonly<Record<string, string | number>>;
    readonly value: number;
    /** If it differs from the metric's name. */
    readonly metricName?: string;
    readonly exemplar?: Exemplar | null;
  }[];
}

/** Types that keep counting after a process ends; gauges describe only living processes. */
const CUMULATIVE = new Set(["counter", "histogram", "summary"]);

/**
 * Sums the metrics of the processes of a machine. Counts of ended processes are kept, because otherwise the sum would
 * decrease and `rate()` would see a counter reset.
 */
export class ProcessTotals {
  readonly #living = new Map<number, readonly MetricSnapshot[]>();
  #ended: readonly MetricSnapshot[] = [];

  /** @param metrics as of `getMetricsAsJSON()`; undefined if the child did not answer; then its last snapshot is used */
  record(process: number, metrics: readonly MetricSnapshot[] | undefined): void {
    if (metrics) this.#living.set(process, metrics);
  }

  /** Moves the counts of an ended process to the totals. */
  async removeProcess(process: number): Promise<void> {
    const last = this.#living.get(process)?.filter(({ type }) => CUMULATIVE.has(type)) ?? [];
    this.#living.delete(process);
    const merging = summed([this.#ended, last]);
    // Until the sum is ready, a concurrent scrape uses both lists.
    this.#ended = [...this.#ended, ...last];
    this.#ended = await merging;
  }

  /** The sums as a text exposition. */
  text(): Promise<string> {
    return registryOf([...this.#living.values(), this.#ended]).metrics();
  }

  /** The sums with the newest exemplar of each bucket. */
  total(): Promise<readonly MetricSnapshot[]> {
    return summed([...this.#living.values(), this.#ended]);
  }
}

const registryOf = (all: readonly (readonly MetricSnapshot[])[]) => AggregatorRegistry.aggregate(all as unknown as object[]);

/** Sums with exemplars, which prom-client's aggregation drops. */
async function summed(all: readonly (readonly MetricSnapshot[])[]): Promise<MetricSnapshot[]> {
  const exemplars = newestExemplars(all.flat());
  const sums = (await registryOf(all).getMetricsAsJSON()) as unknown as MetricSnapshot[];
  if (exemplars.size === 0) return sums;
  return sums.map((metric) => {
    if (metric.type !== "histogram") return metric;
    const values = metric.values.map((sample) => Object.assign(sample, { exemplar: exemplars.get(seriesOf(sample)) }));
    return Object.assign(metric, { values });
  });
}

function newestExemplars(metrics: readonly MetricSnapshot[]): ReadonlyMap<string, Exemplar> {
  const newest = new Map<string, Exemplar>();
  for (const { values } of metrics)
    for (const sample of values) {
      if (!sample.exemplar) continue;
      const before = newest.get(seriesOf(sample));
      if (!before || before.timestamp < sample.exemplar.timestamp) newest.set(seriesOf(sample), sample.exemplar);
    }
  return newest;
}

const seriesOf = ({ metricName, labels }: MetricSnapshot["values"][number]): string =>
  JSON.stringify([metricName, ...Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))]);
