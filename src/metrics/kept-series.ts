import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import type { Queryable } from "../database/index.js";
import { type Horizon, readChanges, type SeriesTable } from "./changed-series.sql.js";
import { LinePages } from "./line-pages.js";

/** Transaction ids wrap around after two billion, which takes longer than this. */
const MAX_AGE_MS = 3_600_000;

/** Series stored between two yields to the event loop. */
const SERIES_PER_YIELD = 500;

/**
 * Caches the lines of a series table between scrapes. A scrape reads only rows that may have changed, so its cost
 * follows the changes and not the table's size. The result is always up to date.
 */
export class KeptSeries {
  #metrics = new Map<string, LinePages>();
  #lastRead: { readonly horizon: Horizon; readonly at: number } | undefined;

  constructor(
    private readonly table: SeriesTable,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** Pages of exposition lines by metric. Not reentrant. */
  async pages(on: Queryable): Promise<ReadonlyMap<string, readonly Buffer[]>> {
    if ((await this.#read(on)) !== "whole") {
      // Series were deleted, which only the count shows, or another server answered: read the whole table.
      this.#clear();
      await this.#read(on);
    }
    const pages = new Map<string, readonly Buffer[]>();
    for (const [metric, lines] of this.#metrics) pages.set(metric, await lines.texts());
    return pages;
  }

  /** @returns whether the cache has as many series as the table */
  async #read(on: Queryable): Promise<"whole" | "too many"> {
    const at = this.clock();
    if (this.#lastRead && at - this.#lastRead.at > MAX_AGE_MS) this.#clear();
    const { horizon, count, changed } = await readChanges(on, this.table, this.#lastRead?.horizon);
    for (const [index, { metric, labels, lines }] of changed.entries()) {
      this.#of(metric).set(labels, lines);
      if (index % SERIES_PER_YIELD === SERIES_PER_YIELD - 1) await yieldToEventLoop();
    }
    this.#lastRead = { horizon, at };
    const kept = [...this.#metrics.values()].reduce((sum, { size }) => sum + size, 0);
    return kept === count ? "whole" : "too many";
  }

  #of(metric: string): LinePages {
    const present = this.#metrics.get(metric);
    if (present) return present;
    const made = new LinePages();
    this.#metrics.set(metric, made);
    return made;
  }

  #clear(): void {
    this.#metrics = new Map();
    this.#lastRead = undefined;
  }
}
