import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/config.js";
import { Counters } from "../counters/counters.js";
import { LabelPolicy } from "../counters/label-policy.js";
import { Database } from "../database/database.js";
import { isTransient, sqlState } from "../database/errors.js";
import type { Queryable } from "../database/sql.js";
import { ClaimFloor } from "../inbox/claim-floor.js";
import { claim, type Claimed, claimOne, type InboxKey } from "../inbox/claim.sql.js";
import { bury } from "../inbox/dead-letters.sql.js";
import { UnexpectedPayload } from "../inbox/projection/fields.js";
import { read, readBody } from "../inbox/projection/read.js";
import type { Projection } from "../inbox/projection/projection.js";
import { upsertJobs } from "../workflow-state/jobs.sql.js";
import { upsertRuns } from "../workflow-state/runs.sql.js";
import { Batch } from "./batch.js";
import { countJob, countRun } from "./count-facts.js";
import { fold } from "./fold.js";
import { ProcessingMetrics } from "./processing.metrics.js";

/**
 * Takes deliveries out of the inbox and applies them, all in one transaction: the rows are gone exactly
 * when state and counters have changed. Lock order: inbox (skipping), jobs, runs, budgets, counters, histograms.
 */
@Injectable()
export class BatchProcessor {
  readonly #logger = new Logger("processing");
  /** Shared by the loops of this process. */
  readonly #floor = new ClaimFloor();

  constructor(
    private readonly database: Database,
    private readonly counters: Counters,
    private readonly policy: LabelPolicy,
    private readonly metrics: ProcessingMetrics,
    @Inject(CONFIG) private readonly config: Pick<Config, "BATCH_SIZE">,
  ) {}

  /**
   * Processes one batch.
   * @returns how many deliveries left the inbox
   * @throws transient database errors, after which the batch is back in the inbox
   */
  async processBatch(): Promise<number> {
    const floors = this.#floor.next();
    let taken: Claimed[] = [];
    try {
      const processed = await this.#inTransaction(
        (transaction) => claim(transaction, this.config.BATCH_SIZE, floors),
        (claimed) => this.#floor.raise((taken = claimed)),
      );
      if (processed > 0 || floors.every((floor) => floor === 0)) return processed;
      this.#floor.clear();
      return await this.processBatch();
    } catch (error) {
      this.#floor.clear();
      if (error instanceof Unreadable) return this.#singly(error.keys);
      this.metrics.failed(isTransient(error) ? "transient" : "data");
      if (isTransient(error) || taken.length === 0) throw error;
      this.#logger.warn(`a batch of ${taken.length} was refused, trying its deliveries one by one: ${messageOf(error)}`);
      return this.#singly(taken);
    }
  }

  /** One row that cannot be read, or that the database refuses, must not hold up its neighbours. */
  async #singly(keys: readonly InboxKey[]): Promise<number> {
    let processed = 0;
    for (const key of keys) {
      try {
        processed += await this.#inTransaction((transaction) => claimOne(transaction, key));
      } catch (error) {
        if (isTransient(error)) throw error;
        await this.#buryOne(key, error);
        processed += 1;
      }
    }
    return processed;
  }

  async #buryOne(key: InboxKey, error: unknown): Promise<void> {
    await this.database.transaction(async (transaction) => {
      for (const dead of await claimOne(transaction, key)) {
        this.#logger.error(`delivery ${dead.id} (${dead.event}) is a dead letter: ${messageOf(error)}`);
        await bury(transaction, dead, { source: "apply", errorClass: sqlState(error) ?? nameOf(error), message: messageOf(error) });
      }
    });
  }

  async #inTransaction(
    take: (transaction: Queryable) => Promise<Claimed[]>,
    onTaken: (claimed: Claimed[]) => void = () => undefined,
  ): Promise<number> {
    const began = performance.now();
    let afterCommit = () => {};
    const processed = await this.database.transaction(async (transaction) => {
      const claimed = await take(transaction);
      onTaken(claimed);
      const claimSeconds = (performance.now() - began) / 1_000;
      if (claimed.length === 0) return 0;
      afterCommit = await this.#apply(transaction, claimed);
      this.metrics.claimed(claimed.length, claimSeconds);
      return claimed.length;
    });
    afterCommit();
    if (processed > 0) this.metrics.applied((performance.now() - began) / 1_000);
    return processed;
  }

  async #apply(transaction: Queryable, claimed: readonly Claimed[]): Promise<() => void> {
    const batch = new Batch(this.counters.newTally());
    for (const [delivery, projection] of await this.#readAll(transaction, claimed)) {
      fold(batch, this.policy, delivery.event, projection, delivery);
    }
    const freshJobs = await upsertJobs(transaction, [...batch.jobs.values()]);
    for (const [id, fresh] of freshJobs) {
      const job = batch.jobs.get(id);
      if (job) countJob(batch.tally, job, fresh);
    }
    const freshRuns = await upsertRuns(transaction, [...batch.runs.values()]);
    for (const [key, fresh] of freshRuns) {
      const run = batch.runs.get(key);
      if (run) countRun(batch.tally, run, fresh);
    }
    return this.counters.write(transaction, batch.tally);
  }

  /**
   * Reads before any other statement; a delivery that says nothing usable is buried, with its payload.
   * @throws {Unreadable} where a batch came without that payload
   */
  async #readAll(transaction: Queryable, claimed: readonly Claimed[]): Promise<[Claimed, Projection][]> {
    const readable: [Claimed, Projection][] = [];
    const unreadable: [Claimed, UnexpectedPayload][] = [];
    for (const delivery of claimed) {
      try {
        readable.push([delivery, readDelivery(delivery)]);
      } catch (error) {
        if (!(error instanceof UnexpectedPayload)) throw error;
        unreadable.push([delivery, error]);
      }
    }
    const withoutPayload = unreadable.map(([delivery]) => delivery).filter(({ payload }) => payload === null);
    if (withoutPayload.length > 0) throw new Unreadable(withoutPayload);
    for (const [delivery, error] of unreadable) {
      this.#logger.warn(`delivery ${delivery.id} (${delivery.event}) is a dead letter: ${error.message}`);
      await bury(transaction, delivery, { source: "projection", errorClass: error.name, message: error.message });
    }
    return readable;
  }
}

/** Deliveries of a batch whose projections say nothing usable: each is to be taken again, with its payload. */
class Unreadable extends Error {
  constructor(readonly keys: readonly InboxKey[]) {
    super(`${keys.length} deliveries could not be read`);
  }
}

function readDelivery({ event, form, projection, payload }: Claimed): Projection {
  return projection === null ? readBody(event, form, payload ?? Buffer.alloc(0)) : read(event, projection);
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "Error");
