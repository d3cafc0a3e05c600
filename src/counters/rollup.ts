import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { Injectable } from "@nestjs/common";
import { Database, sqlState } from "../database/index.js";
import { Increments } from "./increments.js";
import { Series } from "./series.js";
import { type TakenDeltas, takeDeltas } from "./metric-deltas.sql.js";
import { readIncrements } from "./written-increments.js";

/** Yield to the event loop after this time, so that requests are answered. */
const YIELD_AFTER_MS = 1;

/** Interval of full scans. A restored or replaced server may restart its transaction ids at a lower number. */
const FULL_SCAN_INTERVAL_MS = 60_000;

/** PostgreSQL's code for a lock timeout. */
const LOCK_NOT_AVAILABLE = "55P03";

/** Less than every transaction id. */
const BEFORE_ALL = "0";

/**
 * Adds recorded deltas to the series. Hot series are updated once per rollup, not once per batch.
 * A delta is a row until then; the transaction that adds it deletes it.
 */
@Injectable()
export class Rollup {
  /** All deltas up to this transaction id are applied. Starting after it skips dead rows. */
  #cursor = BEFORE_ALL;
  /** Increases with each full scan, so that an older round in progress cannot move the cursor. */
  #generation = 0;
  #fullScanAt = Number.NEGATIVE_INFINITY;
  /** Start of the latest successful rollup, by `performance.now()`. */
  #lastSuccessAt = Number.NEGATIVE_INFINITY;

  constructor(
    private readonly database: Database,
    private readonly series: Series,
  ) {}

  /**
   * Resolves once all deltas committed before `moment` are in the series; at once if a later rollup has run.
   * @param moment by `performance.now()`
   * @throws as {@link run}
   */
  async upTo(moment: number): Promise<void> {
    if (this.#lastSuccessAt < moment) await this.run();
  }

  /**
   * Resolves once all deltas committed before the call are in the series.
   * @returns the number of deltas added
   * @throws if the database fails, or another transaction locks deltas or series for longer than 2 s; no delta is lost
   */
  async run(): Promise<number> {
    const began = performance.now();
    if (began >= this.#fullScanAt) this.#startFullScan();
    const [after, generation] = [this.#cursor, this.#generation];
    try {
      const first = await this.#addBatch(after);
      let added = first.deltas.length;
      for (let batch = first; batch.hasMore; added += batch.deltas.length) batch = await this.#addBatch(batch.deltas.at(-1)?.xid ?? after);
      const applied = BigInt(first.horizon) - 1n;
      if (applied < BigInt(after)) {
        // A server with lower transaction ids is not the same server.
        this.#startFullScan();
        return added + (await this.run());
      }
      if (generation === this.#generation && applied > BigInt(this.#cursor)) this.#cursor = String(applied);
      this.#lastSuccessAt = Math.max(this.#lastSuccessAt, began);
      return added;
    } catch (error) {
      // Keep the cursor after a lock timeout: the server is the same.
      if (sqlState(error) !== LOCK_NOT_AVAILABLE) this.#startFullScan();
      throw error;
    }
  }

  async #addBatch(after: string): Promise<TakenDeltas> {
    const { taken, afterCommit } = await this.database.transaction(async (transaction) => {
      const taken = await takeDeltas(transaction, after);
      if (taken.deltas.length === 0) return { taken, afterCommit: () => {} };
      const sum = new Increments();
      let sliceBegan = performance.now();
      for (const { increments } of taken.deltas) {
        if (performance.now() - sliceBegan > YIELD_AFTER_MS) {
          await yieldToEventLoop();
          sliceBegan = performance.now();
        }
        readIncrements(increments, sum);
      }
      return { taken, afterCommit: await this.series.add(transaction, sum) };
    });
    afterCommit();
    return taken;
  }

  #startFullScan(): void {
    this.#generation += 1;
    this.#cursor = BEFORE_ALL;
    this.#fullScanAt = performance.now() + FULL_SCAN_INTERVAL_MS;
  }
}
