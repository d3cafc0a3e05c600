import { Injectable } from "@nestjs/common";
import { Database, type Queryable } from "../database/index.js";
import { beginBatch, giveBatchBack, type JournalSnapshot } from "./batch-journal.sql.js";
import type { InboxKey } from "./claim.sql.js";
import { rangesOf, within } from "./seq-ranges.js";

/** It must not hold up a batch for longer, but for the first of a worker, which looks at all there is. Seconds. */
const TIMEOUT = { known: 5, first: 30 };

const NOTHING: JournalSnapshot = { since: "0", known: [] };

/**
 * Which worker is at what: whoever comes to a row that another worker had begun, and neither finished nor gave back, knows that it ended
 * or hung. Entries that are gone may be there for long, while somebody holds a snapshot, so a worker looks from where it looked last.
 */
@Injectable()
export class BatchJournal {
  readonly #sights = new Map<string, JournalSnapshot>();

  constructor(private readonly database: Database) {}

  /**
   * Writes down what a worker is about to process, outside of its transaction.
   * @returns those that another worker had begun: it died of them, or beside them
   */
  async begin<Row extends InboxKey>(worker: string, rows: readonly Row[]): Promise<Row[]> {
    // Where this fails, what it may have written is of a transaction that this sight has not seen.
    const sight = this.#sights.get(worker) ?? NOTHING;
    const seqs = rangesOf(rows.map(({ seq }) => Number(seq)));
    const { mine, horizon, others } = await beginBatch(this.#patiently(sight), worker, seqs, sight);
    // A server whose transactions are behind is not the one that was asked before.
    if (BigInt(horizon) < BigInt(sight.since)) this.#sights.delete(worker);
    else this.#sights.set(worker, { since: horizon, known: [mine, ...others.map(({ name }) => name)] });
    const isCommon = within(others.map(({ common }) => common));
    return rows.filter(({ seq }) => isCommon(Number(seq)));
  }

  /** Says that the worker gave its batch back in order. */
  async giveBack(worker: string): Promise<void> {
    const sight = this.#sights.get(worker) ?? NOTHING;
    await giveBatchBack(this.#patiently(sight), worker, sight);
  }

  #patiently(sight: JournalSnapshot): Queryable {
    return this.database.within(sight === NOTHING ? TIMEOUT.first : TIMEOUT.known);
  }
}
