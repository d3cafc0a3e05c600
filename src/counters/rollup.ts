import { setImmediate as nextTurn } from "node:timers/promises";
import { Injectable } from "@nestjs/common";
import { Database, sqlState } from "../database/index.js";
import { Increments } from "./increments.js";
import { Series } from "./series.js";
import { type TakenDeltas, takeTallies } from "./metric-deltas.sql.js";
import { readIncrements } from "./written-increments.js";

/** How long tallies are read in one turn of the event loop: a gateway has requests to answer. Milliseconds. */
const TURN_MS = 1;

/** How often it looks at everything: a server that was restored, or another one, may count its transactions from further back. Milliseconds. */
const SWEEP_EVERY = 60_000;

/** PostgreSQL's code for a lock timeout. */
const LOCK_NOT_AVAILABLE = "55P03";

/** No transaction has this number. */
const BEGINNING = "0";

/**
 * Adds what transactions have counted to the series, for many of them at once: a row that every batch raises is written so
 * often as somebody looks at it, not so often as it is raised. Until then each delta is a row that waits; it is gone exactly when it has been added.
 */
@Injectable()
export class Rollup {
  /** This transaction and older ones have left no delta: whatever waits is found without a walk over those that are gone and not cleaned away. */
  #after = BEGINNING;
  /** Rises whenever it is to look at everything, so that a round that was under way then does not say otherwise. */
  #generation = 0;
  #sweepAt = Number.NEGATIVE_INFINITY;
  /** When the latest of those began that have ended well, by `performance.now()`. */
  #doneSince = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly database: Database,
    private readonly series: Series,
  ) {}

  /**
   * When it has answered, all that was committed before that moment is in the series: at once, where somebody has seen to it since.
   * @param moment by `performance.now()`
   * @throws as {@link run}
   */
  async upTo(moment: number): Promise<void> {
    if (this.#doneSince < moment) await this.run();
  }

  /**
   * When it has answered, all that was committed before it was called is in the series.
   * @returns how many tallies it has added
   * @throws where the database fails, or somebody holds tallies or series for longer than 2 s; nothing is lost by that
   */
  async run(): Promise<number> {
    const began = performance.now();
    if (began >= this.#sweepAt) this.#beginAnew();
    const [after, generation] = [this.#after, this.#generation];
    try {
      const first = await this.#addSome(after);
      let added = first.tallies.length;
      for (let some = first; some.isPart; added += some.tallies.length) some = await this.#addSome(some.tallies.at(-1)?.xid ?? after);
      const seen = BigInt(first.horizon) - 1n;
      if (seen < BigInt(after)) {
        // A server whose transactions are behind is not the one that was asked before.
        this.#beginAnew();
        return added + (await this.run());
      }
      if (generation === this.#generation && seen > BigInt(this.#after)) this.#after = String(seen);
      this.#doneSince = Math.max(this.#doneSince, began);
      return added;
    } catch (error) {
      // Who waited for a lock in vain has seen nothing new of the server.
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) this.#beginAnew();
      throw error;
    }
  }

  async #addSome(after: string): Promise<TakenDeltas> {
    const { taken, afterCommit } = await this.database.transaction(async (transaction) => {
      const taken = await takeTallies(transaction, after);
      if (taken.tallies.length === 0) return { taken, afterCommit: () => {} };
      const sum = new Increments();
      let turn = performance.now();
      for (const { increments } of taken.tallies) {
        if (performance.now() - turn > TURN_MS) {
          await nextTurn();
          turn = performance.now();
        }
        readIncrements(increments, sum);
      }
      return { taken, afterCommit: await this.series.add(transaction, sum) };
    });
    afterCommit();
    return taken;
  }

  #beginAnew(): void {
    this.#generation += 1;
    this.#after = BEGINNING;
    this.#sweepAt = performance.now() + SWEEP_EVERY;
  }
}
