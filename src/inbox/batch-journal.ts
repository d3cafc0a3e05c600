import { Injectable } from "@nestjs/common";
import { Database } from "../database/database.js";
import { beginBatch, giveBatchBack } from "./batch-journal.sql.js";
import type { InboxKey } from "./claim.sql.js";
import { isWithin, rangesOf } from "./seq-ranges.js";

/** It must not hold up a batch for longer. Seconds. */
const TIMEOUT = 5;

/** What a worker saw of the journal when it began its last batch. */
interface Sight {
  /** No older transaction has entries but those that are known. */
  readonly since: string;
  readonly known: readonly string[];
}

const NOTHING: Sight = { since: "0", known: [] };

/**
 * Which worker is at what: whoever comes to a row that another worker had begun, and neither finished nor gave back, knows that it ended
 * or hung. Entries that are gone may be there for long, while somebody holds a snapshot, so a worker looks from where it looked last.
 */
@Injectable()
export class BatchJournal {
  readonly #sights = new Map<string, Sight>();

  constructor(private readonly database: Database) {}

  /**
   * Writes down what a worker is about to process, outside of its transaction.
   * @returns those that another worker had begun: it died of them, or beside them
   */
  async begin<Row extends InboxKey>(worker: string, rows: readonly Row[]): Promise<Row[]> {
    const { since, known } = this.#sights.get(worker) ?? NOTHING;
    // Where this fails it is not known what is there, its own entry included.
    this.#sights.delete(worker);
    const seqs = rangesOf(rows.map(({ seq }) => Number(seq)));
    const { mine, horizon, others } = await beginBatch(this.database.within(TIMEOUT), worker, seqs, since, known);
    // A server whose transactions are behind is not the one that was asked before.
    if (BigInt(horizon) >= BigInt(since)) this.#sights.set(worker, { since: horizon, known: [mine, ...others.map(({ name }) => name)] });
    return rows.filter(({ seq }) => others.some(({ common }) => isWithin(common, Number(seq))));
  }

  /** Says that the worker gave its batch back in order. */
  async giveBack(worker: string): Promise<void> {
    await giveBatchBack(this.database.within(TIMEOUT), worker);
  }
}
