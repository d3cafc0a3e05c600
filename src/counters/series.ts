import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/config.js";
import type { Queryable } from "../database/sql.js";
import { COUNTERS } from "./catalogue.js";
import { type HistogramIncrement, type Increment, Increments, keyOf } from "./increments.js";
import { LabelPolicy } from "./label-policy.js";
import { parseLabels, renderLabels } from "./labels.js";
import { addCounters, addHistograms, knownSeries, lockBudgets, spendBudgets } from "./series.sql.js";

/** The durable series: rows that increments are added to, within the cardinality budget. */
@Injectable()
export class Series {
  /** Series that have a committed row; they are never deleted, so this only saves look-ups. */
  readonly #known = new Set<string>();
  /** Metrics whose budget was seen spent by committed series; it never grows back, so nobody need lock it again. */
  readonly #full = new Set<string>();

  constructor(
    private readonly policy: LabelPolicy,
    @Inject(CONFIG) private readonly config: Pick<Config, "MAX_SERIES_PER_METRIC">,
  ) {}

  /**
   * Adds in the transaction of `on`: series first, then nothing else (see the lock order in docs/architecture.md).
   * @returns call it once the transaction has committed
   */
  async add(on: Queryable, increments: Increments): Promise<() => void> {
    const all = [...increments.counters, ...increments.histograms];
    // Taken before the look-up: a series made between the two is then looked up again under the lock, not folded.
    const full = new Set(this.#full);
    const unseen = all.filter(({ key }) => !this.#known.has(key));
    const excess = await this.#spend(on, without(await keysOf(on, unseen), unseen), full);
    const within = excess.size > 0 ? this.#fold(all, excess) : increments;
    await addCounters(on, within.counters);
    for (const apart of eachOnce(within.histograms)) await addHistograms(on, apart);
    return () => {
      for (const { key } of unseen) if (!excess.has(key)) this.#known.add(key);
    };
  }

  /** @returns the keys of the series that the budget has no room for */
  async #spend(on: Queryable, unknown: readonly Increment[], full: ReadonlySet<string>): Promise<Set<string>> {
    const excess = new Set<string>();
    const candidates = new Map<string, Increment>();
    for (const increment of unknown) {
      // What takes the excess has a place of its own.
      if (full.has(increment.metric) && increment.labels !== this.#folded(increment.labels)) excess.add(increment.key);
      else candidates.set(increment.key, increment);
    }
    if (candidates.size === 0) return excess;
    const used = await lockBudgets(on, [...new Set([...candidates.values()].map(({ metric }) => metric))]);
    for (const [metric, sets] of used) if (sets >= this.config.MAX_SERIES_PER_METRIC) this.#full.add(metric);
    const spent = new Map<string, number>();
    // Another process may have made the same series while we waited for the lock: ask again under it.
    for (const { key, metric, labels } of without(await keysOf(on, [...candidates.values()]), [...candidates.values()])) {
      if (labels === this.#folded(labels)) continue;
      const taken = (used.get(metric) ?? 0) + (spent.get(metric) ?? 0);
      if (taken >= this.config.MAX_SERIES_PER_METRIC) excess.add(key);
      else spent.set(metric, (spent.get(metric) ?? 0) + 1);
    }
    await spendBudgets(on, spent);
    return excess;
  }

  /** Those in excess under the label set that takes them, and how much that was by metric. */
  #fold(all: readonly Increment[], excess: ReadonlySet<string>): Increments {
    const folded = new Increments();
    for (const increment of all) {
      const { key, metric } = increment;
      const labels = excess.has(key) ? this.#folded(increment.labels) : increment.labels;
      if ("value" in increment) folded.add(metric, labels, increment.value);
      else folded.addHistogram(metric, labels, increment.bounds, increment.buckets, increment.sum, increment.count);
      if (excess.has(key))
        folded.add(
          COUNTERS.folded.name,
          renderLabels(COUNTERS.folded.labels, [metric]),
          "value" in increment ? increment.value : increment.count,
        );
    }
    return folded;
  }

  #folded(labels: string): string {
    const values = parseLabels(labels);
    const names = Object.keys(values);
    return renderLabels(names, this.policy.folded(names, Object.values(values)));
  }
}

/** Which of these series have a row. */
const keysOf = async (on: Queryable, increments: readonly Increment[]): Promise<ReadonlySet<string>> =>
  new Set((await knownSeries(on, increments)).map(({ metric, labels }) => keyOf(metric, labels)));

const without = (keys: ReadonlySet<string>, increments: readonly Increment[]): Increment[] =>
  increments.filter(({ key }) => !keys.has(key));

/** Those of one series, with different bounds, apart: a statement takes no row twice. */
function eachOnce(increments: readonly HistogramIncrement[]): HistogramIncrement[][] {
  const apart: Map<string, HistogramIncrement>[] = [];
  for (const increment of increments) {
    let room = apart.find((keys) => !keys.has(increment.key));
    if (!room) apart.push((room = new Map()));
    room.set(increment.key, increment);
  }
  return apart.map((keys) => Array.from(keys.values()));
}
