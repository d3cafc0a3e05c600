import { Inject, Injectable } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import type { Queryable } from "../database/index.js";
import { COUNTERS } from "./catalogue.js";
import { type HistogramIncrement, type Increment, Increments, keyOf } from "./increments.js";
import { LabelPolicy } from "./label-policy.js";
import { renderLabels } from "./labels.js";
import { addCounters, addHistograms, countShares, knownSeries, lockBudgets, spendBudgets } from "./series.sql.js";
import { mayGrow, sharerOf } from "./share.js";

/** How long a process remembers which series there are, and what is full. */
const FORGET_MS = 60_000;

/** The durable series: rows that increments are added to, within the cardinality budget. */
@Injectable()
export class Series {
  /** Series that have a committed row: this only saves look-ups. */
  readonly #known = new Set<string>();
  /** Metrics, and sharers of their budget, that were seen full of committed series: their budget need not be locked again. */
  readonly #full = new Set<string>();
  #forgetAt = 0;

  constructor(
    private readonly policy: LabelPolicy,
    @Inject(CONFIG) private readonly config: Pick<Config, "MAX_SERIES_PER_METRIC">,
  ) {}

  /**
   * Adds in the transaction of `on`: series first, then nothing else (see the lock order in docs/architecture.md).
   * @returns call it once the transaction has committed
   */
  async add(on: Queryable, increments: Increments): Promise<() => void> {
    this.#forget();
    const all = [...increments.counters, ...increments.histograms];
    // TakenDeltas before the look-up: a series made between the two is then looked up again under the lock, not folded.
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
      if (this.#isFull(increment, full) && increment.labels !== this.#folded(increment.labels)) excess.add(increment.key);
      else candidates.set(increment.key, increment);
    }
    if (candidates.size === 0) return excess;
    const used = await lockBudgets(on, [...new Set([...candidates.values()].map(({ metric }) => metric))]);
    for (const [metric, sets] of used) if (sets >= this.config.MAX_SERIES_PER_METRIC) this.#full.add(metric);
    // Another process may have made the same series while we waited for the lock: ask again under it.
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
        excess.add(key);
        continue;
      }
      spent.set(metric, (spent.get(metric) ?? 0) + 1);
      if (sharer !== undefined) shares.set(share, own + 1);
    }
    await spendBudgets(on, spent);
    return excess;
  }

  /** How many label sets the sharers of these series have, by metric and sharer. */
  async #sharesOf(on: Queryable, fresh: readonly Increment[], used: ReadonlyMap<string, number>): Promise<Map<string, number>> {
    const asked = new Map<string, { metric: string; sharer: string }>();
    for (const { metric, labels } of fresh) {
      const sharer = sharerOf(labels);
      if (sharer !== undefined) asked.set(keyOf(metric, sharer), { metric, sharer });
    }
    const shares = new Map<string, number>();
    for (const { metric, sharer, count } of await countShares(on, [...asked.values()])) {
      const share = keyOf(metric, sharer);
      shares.set(share, count);
      if (!mayGrow(count, used.get(metric) ?? 0, this.config.MAX_SERIES_PER_METRIC)) this.#full.add(share);
    }
    return shares;
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
    return this.policy.foldedText(labels);
  }

  #isFull({ metric, labels }: Increment, full: ReadonlySet<string>): boolean {
    if (full.has(metric)) return true;
    const sharer = sharerOf(labels);
    return sharer !== undefined && full.has(keyOf(metric, sharer));
  }

  /** Operators may prune series, which makes room. */
  #forget(): void {
    const now = performance.now();
    if (now < this.#forgetAt) return;
    this.#forgetAt = now + FORGET_MS;
    this.#known.clear();
    this.#full.clear();
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
