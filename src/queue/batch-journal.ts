import { Injectable } from "@nestjs/common";
import { Database, type Queryable } from "../database/index.js";
import { beginBatch, giveBatchBack, type JournalSnapshot } from "./batch-journal.sql.js";
import type { InboxKey } from "./claim.sql.js";
import { rangesOf, within } from "./seq-ranges.js";

/** The first read of a worker covers the whole journal, so it may take longer. */
const TIMEOUT_SECONDS = { first: 30, later: 5 };

const EMPTY_SNAPSHOT: JournalSnapshot = { since: "0", known: [] };

/**
 * Records which worker processes which rows. A claimed row with an entry of another worker means that this worker crashed or
 * hung. A worker reads on from its last snapshot, because VACUUM cannot remove deleted entries while an old transaction is open.
 */
@Injectable()
export class BatchJournal {
  readonly #snapshots = new Map<string, JournalSnapshot>();

  constructor(private readonly database: Database) {}

  /**
   * Writes the entry of a batch, outside the transaction of the batch.
   * @returns the orphaned rows: another worker began them, and then crashed or hung
   */
  async begin<Row extends InboxKey>(worker: string, rows: readonly Row[]): Promise<Row[]> {
    // If this fails, the entry may have been written. Keep the old snapshot, so that the next read finds it.
    const snapshot = this.#snapshots.get(worker) ?? EMPTY_SNAPSHOT;
    const seqs = rangesOf(rows.map(({ seq }) => Number(seq)));
    const { mine, horizon, others } = await beginBatch(this.#databaseFor(snapshot), worker, seqs, snapshot);
    // Lower transaction ids mean another server, for example after a restore.
    if (BigInt(horizon) < BigInt(snapshot.since)) this.#snapshots.delete(worker);
    else this.#snapshots.set(worker, { since: horizon, known: [mine, ...others.map(({ name }) => name)] });
    const isCommon = within(others.map(({ common }) => common));
    return rows.filter(({ seq }) => isCommon(Number(seq)));
  }

  /** Deletes the entry of a worker that gave its batch back. */
  async giveBack(worker: string): Promise<void> {
    const snapshot = this.#snapshots.get(worker) ?? EMPTY_SNAPSHOT;
    await giveBatchBack(this.#databaseFor(snapshot), worker, snapshot);
  }

  #databaseFor(snapshot: JournalSnapshot): Queryable {
    return this.database.within(snapshot === EMPTY_SNAPSHOT ? TIMEOUT_SECONDS.first : TIMEOUT_SECONDS.later);
  }
}
