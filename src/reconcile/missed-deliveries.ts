import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config } from "../config/index.js";
import { COUNTERS, Counters } from "../counters/index.js";
import { Database } from "../database/index.js";
import type { GitHubError } from "../github/index.js";
import { beginRedelivery, type Due, giveUpMissed, type Missed, nextDue, pruneMissed, recover, takeBack } from "./missed-deliveries.sql.js";

/** Most ids in one log line. */
const MAX_NAMED = 10;

/** Deliveries in GitHub's log that did not arrive. Rows and counters change in one transaction. */
@Injectable()
export class MissedDeliveries {
  readonly #logger = new Logger("reconcile/redelivery");

  constructor(
    private readonly database: Database,
    private readonly counters: Counters,
    @Inject(CONFIG) private readonly config: Pick<Config, "AUDIT_WINDOW" | "REDELIVERY_BACKOFF">,
  ) {}

  /** Marks arrived deliveries as recovered and gives up those too old for redelivery. */
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
    if (recovered.length > 0) this.#logger.log(`${recovered.length} missed deliveries arrived`);
    if (givenUp.length > 0)
      this.#logger.error(
        `${givenUp.length} missed deliveries are lost, because they are too old for GitHub to redeliver: ${named(givenUp)}`,
      );
  }

  /** Deletes rows that no audit reads any more. */
  prune(): Promise<void> {
    return pruneMissed(this.database, this.config.AUDIT_WINDOW);
  }

  nextDue(hooks: readonly string[]): Promise<Due | undefined> {
    return nextDue(this.database, hooks);
  }

  /** Records the redelivery before the request. @returns false if the delivery has arrived or another request was made */
  begin(due: Due): Promise<boolean> {
    return beginRedelivery(this.database, due, this.config.REDELIVERY_BACKOFF);
  }

  /** GitHub accepted the redelivery. */
  async redelivered({ hook }: Due): Promise<void> {
    const delta = this.counters.newDelta();
    delta.add(COUNTERS.hookRedelivered, [hook]);
    await this.counters.write(this.database, delta);
  }

  /** GitHub rejected the request. The attempt counts for the backoff, unless GitHub gave a time to retry. */
  async notTaken(due: Due, { waitSeconds }: GitHubError): Promise<void> {
    if (waitSeconds !== undefined) await takeBack(this.database, due, waitSeconds);
  }
}

function named(missed: readonly Missed[]): string {
  const names = missed.slice(0, MAX_NAMED).map(({ id, hook }) => `${id} (${hook})`);
  return [...names, ...(missed.length > MAX_NAMED ? [`and ${missed.length - MAX_NAMED} more`] : [])].join(", ");
}
