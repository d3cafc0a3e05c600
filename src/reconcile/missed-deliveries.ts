import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { COUNTERS, Counters } from "../counters/index.js";
import { Database } from "../database/index.js";
import type { GitHubError } from "../github/index.js";
import { beginRedelivery, type Due, giveUpMissed, type Missed, nextDue, pruneMissed, recover, takeBack } from "./missed-deliveries.sql.js";

/** Ids in one log line. */
const MOST_NAMED = 10;

/** Deliveries that GitHub has in a log and we have not. Rows and counters change together. */
@Injectable()
export class MissedDeliveries {
  readonly #logger = new Logger("reconcile/redelivery");

  constructor(
    private readonly database: Database,
    private readonly counters: Counters,
    @Inject(CONFIG) private readonly config: Pick<Config, "AUDIT_WINDOW" | "REDELIVERY_BACKOFF">,
  ) {}

  /** Sees which have come, and gives those up that GitHub no longer sends. */
  async settle(): Promise<void> {
    const delta = this.counters.newDelta();
    let recovered: readonly Missed[] = [];
    let givenUp: readonly Missed[] = [];
    await this.database.transaction(async (transaction) => {
      recovered = await recover(transaction);
      givenUp = await giveUpMissed(transaction, this.config.AUDIT_WINDOW);
      for (const { hook } of recovered) delta.add(COUNTERS.hookRecovered, [hook]);
      for (const { hook } of givenUp) delta.add(COUNTERS.hookGivenUp, [hook]);
      await this.counters.write(transaction, delta);
    });
    if (recovered.length > 0) this.#logger.log(`${recovered.length} missed deliveries have come`);
    if (givenUp.length > 0)
      this.#logger.error(`${givenUp.length} missed deliveries are given up, since GitHub no longer sends them: ${named(givenUp)}`);
  }

  /** Forgets those that nobody meets in a log any more. */
  prune(): Promise<void> {
    return pruneMissed(this.database, this.config.AUDIT_WINDOW);
  }

  nextDue(hooks: readonly string[]): Promise<Due | undefined> {
    return nextDue(this.database, hooks);
  }

  /** Uses up this step of its back-off, before it is asked for. @returns false where it has come, or was asked for, meanwhile */
  begin(due: Due): Promise<boolean> {
    return beginRedelivery(this.database, due, this.config.REDELIVERY_BACKOFF);
  }

  /** GitHub will send it again. */
  async redelivered({ hook }: Due): Promise<void> {
    const delta = this.counters.newDelta();
    delta.add(COUNTERS.hookRedelivered, [hook]);
    await this.counters.write(this.database, delta);
  }

  /** GitHub did not take the request: unless it is to be repeated after a time, the delivery keeps its step. */
  async notTaken(due: Due, { waitSeconds }: GitHubError): Promise<void> {
    if (waitSeconds !== undefined) await takeBack(this.database, due, waitSeconds);
  }
}

function named(missed: readonly Missed[]): string {
  const names = missed.slice(0, MOST_NAMED).map(({ id, hook }) => `${id} (${hook})`);
  return [...names, ...(missed.length > MOST_NAMED ? [`and ${missed.length - MOST_NAMED} more`] : [])].join(", ");
}
