import { AggregatorRegistry } from "prom-client";

/** An observation that stands for those of its bucket. */
export interface Exemplar {
  readonly labelSet: Readonly<Record<string, string | number>>;
  readonly value: number;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

/** One metric as prom-client tells it to another process. */
export interface MetricSnapshot {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly values: readonly {
    readonly labels: Readonly<Record<string, string | number>>;
    readonly value: number;
    /** Where it is not the metric's own. */
    readonly metricName?: string;
    readonly exemplar?: Exemplar | null;
  }[];
}

/** What adds up over lives: the rest is about a process that is there. */
const CUMULATIVE = new Set(["counter", "histogram", "summary"]);

/**
 * Adds up what the processes of a machine tell of themselves. What a process that ended had counted stays counted, or
 * its end would look like the reset of a counter, and `rate()` would count all the rest once more.
 */
export class ProcessTotals {
  readonly #living = new Map<number, readonly MetricSnapshot[]>();
  #dead: readonly MetricSnapshot[] = [];

  /** @param metrics as of `getMetricsAsJSON()`; undefined where it did not answer: then what it told last still holds */
  note(process: number, metrics: readonly MetricSnapshot[] | undefined): void {
    if (metrics) this.#living.set(process, metrics);
  }

  /** The process has ended. */
  async addDeadLetter(process: number): Promise<void> {
    const last = this.#living.get(process)?.filter(({ type }) => CUMULATIVE.has(type)) ?? [];
    this.#living.delete(process);
    const merging = added([this.#dead, last]);
    // Until they are added up, and for a scrape meanwhile, both stand side by side.
    this.#dead = [...this.#dead, ...last];
    this.#dead = await merging;
  }

  /** All of it as a text exposition. */
  text(): Promise<string> {
    return registryOf([...this.#living.values(), this.#dead]).metrics();
  }

  /** All of it, with the newest exemplar of each bucket. */
  total(): Promise<readonly MetricSnapshot[]> {
    return added([...this.#living.values(), this.#dead]);
  }
}

const registryOf = (all: readonly (readonly MetricSnapshot[])[]) => AggregatorRegistry.aggregate(all as unknown as object[]);

/** prom-client adds up the numbers and drops the exemplars. */
async function added(all: readonly (readonly MetricSnapshot[])[]): Promise<MetricSnapshot[]> {
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
