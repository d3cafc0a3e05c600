import { setImmediate as nextTurn } from "node:timers/promises";
import type { Queryable } from "../database/index.js";
import { type Horizon, readChanges, type SeriesTable } from "./changed-series.sql.js";
import { LinePages } from "./line-pages.js";

/** So many transactions that their numbers come round cannot pass meanwhile: two thousand million. Milliseconds. */
const LONG_MS = 3_600_000;

/** Series that are noted before others have a turn of the event loop: a fraction of a millisecond. */
const IN_A_TURN = 500;

/**
 * The lines of a table of series, kept from scrape to scrape: only what may have changed since is read again, so that a scrape
 * costs the database what has happened, not what there is. What is kept is never older than what the table says.
 */
export class KeptSeries {
  #metrics = new Map<string, LinePages>();
  #seen: { readonly horizon: Horizon; readonly at: number } | undefined;

  constructor(
    private readonly table: SeriesTable,
    private readonly clock: () => number = () => performance.now(),
  ) {}

  /** Pages of exposition lines by metric. Not to be called again before it has answered. */
  async pages(on: Queryable): Promise<ReadonlyMap<string, readonly Buffer[]>> {
    if ((await this.#read(on)) !== "whole") {
      // SeriesText were deleted, which leaves no trace but that there are fewer; or those of another server came on top.
      this.#forget();
      await this.#read(on);
    }
    const pages = new Map<string, readonly Buffer[]>();
    for (const [metric, lines] of this.#metrics) pages.set(metric, await lines.texts());
    return pages;
  }

  /** @returns whether as many series are kept as there are */
  async #read(on: Queryable): Promise<"whole" | "too many"> {
    const at = this.clock();
    if (this.#seen && at - this.#seen.at > LONG_MS) this.#forget();
    const { horizon, count, changed } = await readChanges(on, this.table, this.#seen?.horizon);
    for (const [index, { metric, labels, lines }] of changed.entries()) {
      this.#of(metric).set(labels, lines);
      if (index % IN_A_TURN === IN_A_TURN - 1) await nextTurn();
    }
    this.#seen = { horizon, at };
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

  #forget(): void {
    this.#metrics = new Map();
    this.#seen = undefined;
  }
}
