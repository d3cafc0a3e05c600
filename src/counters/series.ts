import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import type { Queryable } from "../database/index.js";
import { COUNTERS } from "./catalogue.js";
import { type HistogramIncrement, type Increment, Increments, keyOf } from "./increments.js";
import { LabelPolicy } from "./label-policy.js";
import { renderLabels } from "./labels.js";
import { addCounters, addHistograms, countShares, knownSeries, lockBudgets, spendBudgets } from "./series.sql.js";
import { mayGrow, sharerOf } from "./share.js";

/** Lifetime of the caches of known series and full budgets. */
const CACHE_MS = 60_000;

/** Adds increments to the durable series within the cardinality budget. */
@Injectable()
export class Series {
  /** Cache of series that have a committed row. */
  readonly #known = new Set<string>();
  /** Cache of metrics and sharers whose budget is full; their budget is not locked again. */
  readonly #full = new Set<string>();
  #cacheExpiresAt = 0;

  constructor(
    private readonly policy: LabelPolicy,
    @Inject(CONFIG) private readonly config: Pick<Config, "MAX_SERIES_PER_METRIC">,
  ) {}

  /**
   * Adds in the transaction of `on`, as its last locks (lock order: docs/architecture.md).
   * @returns a function to call after the commit
   */
  async add(on: Queryable, increments: Increments): Promise<() => void> {
    this.#expireCaches();
    const all = [...increments.counters, ...increments.histograms];
    // Copied before the lookup: a series created after the copy is looked up again under the lock, not folded.
    const full = new Set(this.#full);
    const uncached = all.filter(({ key }) => !this.#known.has(key));
    const overflow = await this.#spend(on, without(await keysOf(on, uncached), uncached), full);
    const within = overflow.size > 0 ? this.#fold(all, overflow) : increments;
    await addCounters(on, within.counters);
    for (const batch of withoutDuplicates(within.histograms)) await addHistograms(on, batch);
    return () => {
      for (const { key } of uncached) if (!overflow.has(key)) this.#known.add(key);
    };
  }

  /** @returns the keys of the series beyond the budget */
  async #spend(on: Queryable, unknown: readonly Increment[], full: ReadonlySet<string>): Promise<Set<string>> {
    const overflow = new Set<string>();
    const candidates = new Map<string, Increment>();
    for (const increment of unknown) {
      // The label set that receives folded increments is outside the budget.
      if (this.#isFull(increment, full) && increment.labels !== this.#folded(increment.labels)) overflow.add(increment.key);
      else candidates.set(increment.key, increment);
    }
    if (candidates.size === 0) return overflow;
    const used = await lockBudgets(on, [...new Set([...candidates.values()].map(({ metric }) => metric))]);
    for (const [metric, sets] of used) if (sets >= this.config.MAX_SERIES_PER_METRIC) this.#full.add(metric);
    // Another process may have created the series during the wait for the lock: look up again under the lock.
    const fresh = without(await keysOf(on, [...candidates.values()]), [...candidates.values()]);
    const spent = new Map<string, number>();
    const shares = await this.#sharesOf(on, fresh, used);
    for (const { key, metric, labels } of fresh) {
      if (labels === this.#folded(labels)) continue;
      const taken = (used.get(metric) ?? 0) + (spent.get(metric) ?? 0);
      const sharer = sharerOf(labels);
      const share = sharer === undefined ? "" : keyOf(metric, sharer);
      const own = shares.get(share) ?? 0;
      if (!mayGrow(sharer === undefined ? 0 : own, taken, this.config.MAX_SERIES_PER_METRIC)) {
        overflow.add(key);
        continue;
      }
      spent.set(metric, (spent.get(metric) ?? 0) + 1);
      if (sharer !== undefined) shares.set(share, own + 1);
    }
    await spendBudgets(on, spent);
    return overflow;
  }

  /** Counts the label sets of the sharers of these series, by metric and sharer. */
  async #sharesOf(on: Queryable, fresh: readonly Increment[], used: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const requested = new Map<string, { metric: string; sharer: string }>();
    for (const { metric, labels } of fresh) {
      const sharer = sharerOf(labels);
      if (sharer !== undefined) requested.set(keyOf(metric, sharer), { metric, sharer });
    }
    const shares = new Map<string, number>();
    for (const { metric, sharer, count } of await countShares(on, [...requested.values()])) {
      const share = keyOf(metric, sharer);
      shares.set(share, count);
      if (!mayGrow(count, used.get(metric) ?? 0, this.config.MAX_SERIES_PER_METRIC)) this.#full.add(share);
    }
    return shares;
  }

  /** Moves increments beyond the budget to the folded label set and counts them by metric. */
  #fold(all: readonly Increment[], overflow: ReadonlySet<string>): Increments {
    const folded = new Increments();
    for (const increment of all) {
      const { key, metric } = increment;
      const labels = overflow.has(key) ? this.#folded(increment.labels) : increment.labels;
      if ("value" in increment) folded.add(metric, labels, increment.value);
      else folded.addHistogram(metric, labels, increment.bounds, increment.buckets, increment.sum, increment.count);
      if (overflow.has(key))
        folded.add(
          COUNTERS.folded.name,
          renderLabels(COUNTERS.folded.labels, [metric]),
          "value" in increment ? increment.value : increment.count,
        );
    }
    return folded;
  }

  #folded(labels: string): string {
    return this.policy.foldedText(labels);
  }

  #isFull({ metric, labels }: Increment, full: ReadonlySet<string>): boolean {
    if (full.has(metric)) return true;
    const sharer = sharerOf(labels);
    return sharer !== undefined && full.has(keyOf(metric, sharer));
  }

  /** The caches expire because operators can delete series, which frees budget. */
  #expireCaches(): void {
    const now = performance.now();
    if (now < this.#cacheExpiresAt) return;
    this.#cacheExpiresAt = now + CACHE_MS;
    this.#known.clear();
    this.#full.clear();
  }
}

/** The keys of the series that have a row. */
const keysOf = async (on: Queryable, increments: readonly Increment[]): Promise<ReadonlySet<string>> =>
  new Set((await knownSeries(on, increments)).map(({ metric, labels }) => keyOf(metric, labels)));

const without = (keys: ReadonlySet<string>, increments: readonly Increment[]): Increment[] =>
  increments.filter(({ key }) => !keys.has(key));

/** Splits increments into batches without duplicate series, because an upsert cannot change a row twice. */
function withoutDuplicates(increments: readonly HistogramIncrement[]): HistogramIncrement[][] {
  const batches: Map<string, HistogramIncrement>[] = [];
  for (const increment of increments) {
    let batch = batches.find((keys) => !keys.has(increment.key));
    if (!batch) batches.push((batch = new Map()));
    batch.set(increment.key, increment);
  }
  return batches.map((keys) => Array.from(keys.values()));
}
