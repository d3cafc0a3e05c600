import { COUNTERS, type Family } from "./catalogue.js";
import { renderLabels } from "./labels.js";
import type { LabelPolicy } from "./label-policy.js";

interface SeriesIncrement {
  /** Of metric and labels; made once, since a batch looks for each of its series several times. */
  readonly key: string;
  readonly metric: string;
  readonly labels: string;
  /** The labels under which it goes if the metric's budget is spent. Made when asked for: of a series that is known, nobody asks. */
  readonly folded: () => string;
}

/** One series' increment. */
export interface CounterIncrement extends SeriesIncrement {
  value: number;
}

export interface HistogramIncrement extends SeriesIncrement {
  /** Upper bounds in seconds. */
  readonly bounds: readonly number[];
  /** Cumulative, one for each bound. */
  readonly buckets: number[];
  sum: number;
  count: number;
}

export const keyOf = (metric: string, labels: string): string => `${metric}{${labels}`;

/** Sums what a batch adds, so that each series is written once, however many events raise it. */
export class Tally {
  readonly #counters = new Map<string, CounterIncrement>();
  readonly #histograms = new Map<string, HistogramIncrement>();

  constructor(
    private readonly policy: LabelPolicy,
    private readonly buckets: ReadonlyMap<string, readonly number[]>,
  ) {}

  /** Label values in the order of the family's labels. */
  add(family: Family, values: readonly string[], amount = 1): void {
    const labels = renderLabels(family.labels, this.policy.shown(family.labels, values));
    const key = keyOf(family.name, labels);
    const present = this.#counters.get(key);
    if (present) present.value += amount;
    else this.#counters.set(key, { key, metric: family.name, labels, folded: () => this.#folded(family, values), value: amount });
  }

  /** @param seconds not negative */
  observe(family: Family, values: readonly string[], seconds: number): void {
    const labels = renderLabels(family.labels, this.policy.shown(family.labels, values));
    const key = keyOf(family.name, labels);
    let entry = this.#histograms.get(key);
    if (!entry) {
      const bounds = this.buckets.get(family.name) ?? this.buckets.get("default") ?? [];
      entry = {
        key,
        metric: family.name,
        labels,
        folded: () => this.#folded(family, values),
        bounds,
        buckets: bounds.map(() => 0),
        sum: 0,
        count: 0,
      };
      this.#histograms.set(key, entry);
    }
    for (let index = entry.bounds.length - 1; index >= 0 && seconds <= (entry.bounds[index] ?? 0); index -= 1) {
      entry.buckets[index] = (entry.buckets[index] ?? 0) + 1;
    }
    entry.sum += seconds;
    entry.count += 1;
  }

  /** Says on `/metrics` that the budget of a metric is spent. */
  addFolded(metric: string, amount: number): void {
    this.add(COUNTERS.folded, [metric], amount);
  }

  get counters(): CounterIncrement[] {
    return [...this.#counters.values()];
  }

  get histograms(): HistogramIncrement[] {
    return [...this.#histograms.values()];
  }

  #folded(family: Family, values: readonly string[]): string {
    return renderLabels(family.labels, this.policy.folded(family.labels, this.policy.shown(family.labels, values)));
  }
}
