import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/config.js";
import type { Queryable } from "../database/sql.js";
import { LabelPolicy } from "./label-policy.js";
import { addCounters, addHistograms, knownSeries, lockBudgets, spendBudgets } from "./series.sql.js";
import { type CounterIncrement, type HistogramIncrement, keyOf, Tally } from "./tally.js";

type Increment = CounterIncrement | HistogramIncrement;

/** Writes tallies into the durable series, within the cardinality budget. */
@Injectable()
export class Counters {
  /** Series that have a committed row; they are never deleted, so this only saves look-ups. */
  readonly #known = new Set<string>();
  /** Metrics whose budget was seen spent by committed series; it never grows back, so nobody need lock it again. */
  readonly #full = new Set<string>();

  constructor(
    private readonly policy: LabelPolicy,
    @Inject(CONFIG) private readonly config: Config,
  ) {}

  newTally(): Tally {
    return new Tally(this.policy, this.config.HISTOGRAM_BUCKETS);
  }

  /**
   * Adds the tally in the transaction of `on`: series first, then nothing else (see the lock order in docs/architecture.md).
   * @returns call it once the transaction has committed
   */
  async write(on: Queryable, tally: Tally): Promise<() => void> {
    const counters = tally.counters;
    const histograms = tally.histograms;
    // Taken before the look-up: a series made between the two is then looked up again under the lock, not folded.
    const full = new Set(this.#full);
    const unseen = [...counters, ...histograms].filter(({ key }) => !this.#known.has(key));
    const excess = await this.#spend(on, without(await keysOf(on, unseen), unseen), full);
    for (const increment of excess) tally.addFolded(increment.metric, "value" in increment ? increment.value : increment.count);
    await addCounters(on, merge(tally.counters, excess, mergeCounters));
    await addHistograms(on, merge(histograms, excess, mergeHistograms));
    return () => {
      for (const increment of unseen) if (!excess.has(increment)) this.#known.add(increment.key);
    };
  }

  /** @returns the increments whose label set the budget has no room for */
  async #spend(on: Queryable, unknown: readonly Increment[], full: ReadonlySet<string>): Promise<Set<Increment>> {
    const excess = new Set<Increment>(unknown.filter((increment) => full.has(increment.metric) && increment.labels !== increment.folded()));
    const candidates = unknown.filter((increment) => !excess.has(increment));
    const spent = new Map<string, number>();
    if (candidates.length === 0) return excess;
    const used = await lockBudgets(on, [...new Set(candidates.map((candidate) => candidate.metric))]);
    for (const [metric, sets] of used) if (sets >= this.config.MAX_SERIES_PER_METRIC) this.#full.add(metric);
    // Another worker may have made the same series while we waited for the lock: ask again under it.
    for (const candidate of without(await keysOf(on, candidates), candidates)) {
      if (candidate.labels === candidate.folded()) continue;
      const taken = (used.get(candidate.metric) ?? 0) + (spent.get(candidate.metric) ?? 0);
      if (taken >= this.config.MAX_SERIES_PER_METRIC) excess.add(candidate);
      else spent.set(candidate.metric, (spent.get(candidate.metric) ?? 0) + 1);
    }
    await spendBudgets(on, spent);
    return excess;
  }
}

/** Which of these series have a row. */
const keysOf = async (on: Queryable, increments: readonly Increment[]): Promise<ReadonlySet<string>> =>
  new Set((await knownSeries(on, increments)).map(({ metric, labels }) => keyOf(metric, labels)));

const without = (keys: ReadonlySet<string>, increments: readonly Increment[]): Increment[] =>
  increments.filter(({ key }) => !keys.has(key));

/** The increments with those in excess moved to their folded label set, one for each series. */
function merge<T extends Increment>(increments: readonly T[], excess: ReadonlySet<Increment>, add: (into: T, from: T) => T): readonly T[] {
  if (excess.size === 0) return increments;
  const merged = new Map<string, T>();
  for (const increment of increments) {
    const target = excess.has(increment) ? foldedOf(increment) : increment;
    const present = merged.get(target.key);
    merged.set(target.key, present ? add(present, target) : target);
  }
  return [...merged.values()];
}

function foldedOf<T extends Increment>(increment: T): T {
  const labels = increment.folded();
  return { ...increment, labels, key: keyOf(increment.metric, labels) };
}

const mergeCounters = (into: CounterIncrement, from: CounterIncrement): CounterIncrement => ({ ...into, value: into.value + from.value });

const mergeHistograms = (into: HistogramIncrement, from: HistogramIncrement): HistogramIncrement => ({
  ...into,
  buckets: into.buckets.map((bucket, index) => bucket + (from.buckets[index] ?? 0)),
  sum: into.sum + from.sum,
  count: into.count + from.count,
});
