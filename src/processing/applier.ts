import { Injectable, Logger } from "@nestjs/common";
import { Counters } from "../counters/counters.js";
import { LabelPolicy } from "../counters/label-policy.js";
import type { Queryable } from "../database/sql.js";
import type { Claimed, InboxKey } from "../inbox/claim.sql.js";
import { bury } from "../inbox/dead-letters.sql.js";
import { UnexpectedPayload } from "../inbox/projection/fields.js";
import type { Projection } from "../inbox/projection/projection.js";
import { readBody, readProjection } from "../inbox/projection/read.js";
import { upsertJobs } from "../workflow-state/jobs.sql.js";
import { upsertRuns } from "../workflow-state/runs.sql.js";
import { Batch } from "./batch.js";
import { countJob, countRun } from "./count-facts.js";
import { fold } from "./fold.js";

/** Deliveries of a batch whose projections say nothing usable: each is to be taken again, with its payload. */
export class Unreadable extends Error {
  constructor(readonly keys: readonly InboxKey[]) {
    super(`${keys.length} deliveries could not be read`);
  }
}

/** Changes state and counters by claimed deliveries, in the transaction that claimed them. Lock order: jobs, runs, budgets, counters, histograms. */
@Injectable()
export class Applier {
  readonly #logger = new Logger("processing");

  constructor(
    private readonly counters: Counters,
    private readonly policy: LabelPolicy,
  ) {}

  /**
   * @returns call it once the transaction has committed
   * @throws {Unreadable} where a delivery has to be buried and came without its payload
   */
  async apply(transaction: Queryable, claimed: readonly Claimed[]): Promise<() => void> {
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

  /** Reads all before any other statement; a delivery that says nothing usable is buried, with its payload. */
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

/** From the body where it came along: it is asked for where the projection says nothing usable. */
function readDelivery({ event, form, projection, payload }: Claimed): Projection {
  return payload === null ? readProjection(event, projection ?? "") : readBody(event, form, payload);
}
