import { setImmediate as nextTurn } from "node:timers/promises";
import { Injectable } from "@nestjs/common";
import { Database } from "../database/database.js";
import { Increments } from "./increments.js";
import { Series } from "./series.js";
import { takeTallies } from "./tallies.sql.js";
import { readIncrements } from "./written-increments.js";

/** So many come to a few megabytes, where batches are as large as they are when there is a backlog. */
const AT_ONCE = 32;

/** How often it looks at everything: a server that was restored, or another one, may count its transactions from further back. Milliseconds. */
const SWEEP_EVERY = 60_000;

const BEGINNING = "0";

/**
 * Adds what transactions have counted to the series, for many of them at once: a row that every batch raises is written so
 * often as somebody looks at it, not so often as it is raised. Until then each tally is a row that waits; it is gone exactly when it has been added.
 */
@Injectable()
export class Rollup {
  /** Older transactions have left no tally. Whatever waits is found without a walk over those that are gone and not cleaned away. */
  #since = BEGINNING;
  #sweepAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly database: Database,
    private readonly series: Series,
  ) {}

  /** When it has answered, all that was committed before it was called is in the series. @returns how many tallies it has added */
  async run(): Promise<number> {
    let added = 0;
    for (let some = AT_ONCE; some === AT_ONCE; added += some) some = await this.#addSome();
    return added;
  }

  async #addSome(): Promise<number> {
    if (performance.now() >= this.#sweepAt) this.#beginAnew();
    try {
      const { taken, afterCommit } = await this.database.transaction(async (transaction) => {
        const taken = await takeTallies(transaction, this.#since, AT_ONCE);
        if (taken.tallies.length === 0) return { taken, afterCommit: () => {} };
        const sum = new Increments();
        for (const tally of taken.tallies) {
          readIncrements(tally, sum);
          // One of a large batch takes a millisecond or two, and a gateway has requests to answer.
          await nextTurn();
        }
        return { taken, afterCommit: await this.series.add(transaction, sum) };
      });
      afterCommit();
      if (taken.tallies.length < AT_ONCE) this.#since = taken.horizon;
      return taken.tallies.length;
    } catch (error) {
      this.#beginAnew();
      throw error;
    }
  }

  #beginAnew(): void {
    this.#since = BEGINNING;
    this.#sweepAt = performance.now() + SWEEP_EVERY;
  }
}
