interface SeriesIncrement {
  /** Of metric and labels; made once, since whoever writes it looks for each of the series several times. */
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

/** What is to be added to the series: each of them once, however often it was raised. */
export class Increments {
  readonly #counters = new Map<string, CounterIncrement>();
  readonly #histograms = new Map<string, HistogramIncrement>();

  get isEmpty(): boolean {
    return this.#counters.size === 0 && this.#histograms.size === 0;
  }

  get counters(): CounterIncrement[] {
    return [...this.#counters.values()];
  }

  /** A series is here twice where it was raised with different bounds, by processes that are configured differently. */
  get histograms(): HistogramIncrement[] {
    return [...this.#histograms.values()];
  }

  add(metric: string, labels: string, amount: number): void {
    const key = keyOf(metric, labels);
    const present = this.#counters.get(key);
    if (present) present.value += amount;
    else this.#counters.set(key, { key, metric, labels, value: amount });
  }

  /** One observation. @param seconds not negative */
  observe(metric: string, labels: string, bounds: readonly number[], seconds: number): void {
    const { buckets } = this.#raise(metric, labels, bounds, seconds, 1);
    for (let index = bounds.length - 1; index >= 0 && seconds <= (bounds[index] ?? 0); index -= 1) {
      buckets[index] = (buckets[index] ?? 0) + 1;
    }
  }

  /** Many observations, summed. @param raised cumulative, one for each bound */
  addHistogram(metric: string, labels: string, bounds: readonly number[], raised: readonly number[], sum: number, count: number): void {
    const { buckets } = this.#raise(metric, labels, bounds, sum, count);
    for (const [index, value] of raised.entries()) buckets[index] = (buckets[index] ?? 0) + value;
  }

  #raise(metric: string, labels: string, bounds: readonly number[], sum: number, count: number): HistogramIncrement {
    const key = keyOf(metric, labels);
    let present = this.#histograms.get(key);
    let place = key;
    if (present && !areSame(present.bounds, bounds)) {
      place = `${key}}${bounds.join()}`;
      present = this.#histograms.get(place);
    }
    if (!present) this.#histograms.set(place, (present = { key, metric, labels, bounds, buckets: bounds.map(() => 0), sum: 0, count: 0 }));
    present.sum += sum;
    present.count += count;
    return present;
  }
}

const areSame = (some: readonly number[], others: readonly number[]): boolean =>
  some === others || (some.length === others.length && some.every((bound, index) => bound === others[index]));
