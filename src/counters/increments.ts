interface SeriesIncrement {
  /** Metric and labels. Built once, because writing looks up each series several times. */
  readonly key: string;
  readonly metric: string;
  /** Exposition text, see labels.ts. */
  readonly labels: string;
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

export type Increment = CounterIncrement | HistogramIncrement;

export const keyOf = (metric: string, labels: string): string => `${metric}{${labels}`;

/** Sums of increments, one entry per series. */
export class Increments {
  readonly #counters = new Map<string, CounterIncrement>();
  readonly #histograms = new Map<string, HistogramIncrement>();

  get isEmpty(): boolean {
    return this.#counters.size === 0 && this.#histograms.size === 0;
  }

  get counters(): CounterIncrement[] {
    return [...this.#counters.values()];
  }

  /** A series appears twice if processes with different configurations used different bounds. */
  get histograms(): HistogramIncrement[] {
    return [...this.#histograms.values()];
  }

  add(metric: string, labels: string, amount: number): void {
    const key = keyOf(metric, labels);
    const increment = this.#counters.get(key);
    if (increment) increment.value += amount;
    else this.#counters.set(key, { key, metric, labels, value: amount });
  }

  /** One observation. @param seconds not negative */
  observe(metric: string, labels: string, bounds: readonly number[], seconds: number): void {
    const { buckets } = this.#addTo(metric, labels, bounds, seconds, 1);
    for (let index = bounds.length - 1; index >= 0 && seconds <= (bounds[index] ?? 0); index -= 1) {
      buckets[index] = (buckets[index] ?? 0) + 1;
    }
  }

  /** A sum of many observations. @param added cumulative, one for each bound */
  addHistogram(metric: string, labels: string, bounds: readonly number[], added: readonly number[], sum: number, count: number): void {
    const { buckets } = this.#addTo(metric, labels, bounds, sum, count);
    for (const [index, value] of added.entries()) buckets[index] = (buckets[index] ?? 0) + value;
  }

  #addTo(metric: string, labels: string, bounds: readonly number[], sum: number, count: number): HistogramIncrement {
    const key = keyOf(metric, labels);
    let increment = this.#histograms.get(key);
    let slot = key;
    if (increment && !areSame(increment.bounds, bounds)) {
      slot = `${key}}${bounds.join()}`;
      increment = this.#histograms.get(slot);
    }
    if (!increment)
      this.#histograms.set(slot, (increment = { key, metric, labels, bounds, buckets: bounds.map(() => 0), sum: 0, count: 0 }));
    increment.sum += sum;
    increment.count += count;
    return increment;
  }
}

const areSame = (some: readonly number[], others: readonly number[]): boolean =>
  some === others || (some.length === others.length && some.every((bound, index) => bound === others[index]));
