import { Inject, Injectable, Logger } from "@nestjs/common";
import { Broker } from "../buffer/broker.js";
import { CONFIG, type Config } from "../config/index.js";
import { COUNTERS, Counters } from "../counters/index.js";
import { Database } from "../database/index.js";
import type { GitHubError, LogPage } from "../github/index.js";
import { hintFor } from "./hint.js";
import { type Audit, endWalk, failAudit, goOn, nextAudit, noteMissed, registerHooks } from "./audited-hooks.sql.js";

/** The ledger may forget while a page is judged. Seconds. */
const LEDGER_MARGIN = 300;
/** A walk looks back a little further than it has to. Seconds. */
const GAP_MARGIN = 600;
/** How long the buffer is waited for. Milliseconds. */
const BUFFERED_AT_MOST = 900_000;

type Settings = Pick<Config, "AUDIT_INTERVAL" | "AUDIT_SETTLE" | "AUDIT_WINDOW" | "DEDUP_RETENTION" | "REDELIVERY">;

/** What is known of the delivery logs: how far each was read, and what is missed. Rows and counters change together. */
@Injectable()
export class HookAudits {
  readonly #logger = new Logger("reconcile/audit");
  #bufferedSince: number | undefined;

  constructor(
    private readonly database: Database,
    private readonly counters: Counters,
    @Inject(Broker) private readonly broker: Broker | undefined,
    @Inject(CONFIG) private readonly config: Settings,
  ) {}

  /** Begins with the hooks that are new, forgets those that are gone. Their counters begin at 0, so that the first loss is an increase. */
  async register(hooks: readonly string[]): Promise<void> {
    const delta = this.counters.newDelta();
    await this.database.transaction(async (transaction) => {
      for (const hook of await registerHooks(transaction, hooks, this.config.AUDIT_WINDOW)) {
        const families = [COUNTERS.hookMissed, COUNTERS.hookRedelivered, COUNTERS.hookRecovered, COUNTERS.hookGivenUp];
        for (const family of families) delta.add(family, [hook], 0);
      }
      await this.counters.write(transaction, delta);
    });
    this.#logger.log(`auditing ${hooks.join(", ")} every ${this.config.AUDIT_INTERVAL} s, redelivery ${this.config.REDELIVERY}`);
  }

  /** The hook whose log is to be read next, and where; none while deliveries wait in the buffer. */
  async next(hooks: readonly string[]): Promise<Audit | undefined> {
    if (await this.#isBuffering()) return undefined;
    const audit = await nextAudit(this.database, hooks, this.config.AUDIT_SETTLE);
    if (audit?.cursor === null && audit.lookBackTo < Date.now() - 1_000 * (this.config.AUDIT_WINDOW + GAP_MARGIN)) {
      this.#logger.error(
        `${audit.hook} was not audited for longer than GitHub keeps its log: what was lost since ${new Date(audit.lookBackTo).toISOString()} may stay unknown`,
      );
    }
    return audit;
  }

  /** What waits in the buffer has come, although the ledger does not know it yet. Not for ever: a message that cannot be stored stays there. */
  async #isBuffering(): Promise<boolean> {
    const waiting = await this.broker?.pending().catch(() => undefined);
    if (!this.broker || waiting === 0) this.#bufferedSince = undefined;
    else this.#bufferedSince ??= performance.now();
    return this.#bufferedSince !== undefined && performance.now() - this.#bufferedSince < BUFFERED_AT_MOST;
  }

  /** Notes what a page of the log says, and how far the walk has come by it. */
  async record(audit: Audit, { deliveries, next, answeredAt }: LogPage): Promise<void> {
    const { hook, lookBackTo } = audit;
    const delta = this.counters.newDelta();
    const isEnd = next === undefined || (deliveries.length > 0 && deliveries.every(({ deliveredAt }) => deliveredAt < lookBackTo));
    // GitHub's times are compared with GitHub's clock, which may not be the database's, and is told in whole seconds.
    const until = audit.cursor === null && answeredAt !== undefined ? new Date(answeredAt + 999 - 1_000 * this.config.AUDIT_SETTLE) : null;
    let missed = 0;
    await this.database.transaction(async (transaction) => {
      missed = await noteMissed(transaction, hook, deliveries, until, this.config.DEDUP_RETENTION - LEDGER_MARGIN);
      if (isEnd) await endWalk(transaction, audit, this.config.AUDIT_INTERVAL, until);
      else await goOn(transaction, audit, next, until);
      if (missed > 0) delta.add(COUNTERS.hookMissed, [hook], missed);
      await this.counters.write(transaction, delta);
    });
    if (missed > 0)
      this.#logger.warn(
        `${missed} deliveries that GitHub has in the log of ${hook} never came${this.config.REDELIVERY === "on" ? "; they are asked for again" : " (REDELIVERY is off)"}`,
      );
    if (audit.failures > 0) this.#logger.log(`${hook} can be audited again`);
  }

  /** GitHub did not let the log be read: the hook rests. */
  async fail({ hook, cursor }: Pick<Audit, "hook" | "cursor">, error: GitHubError): Promise<void> {
    const failures = await failAudit(this.database, hook, error.message, {
      rest: this.config.AUDIT_INTERVAL,
      wait: error.waitSeconds,
      // GitHub refused the question, not we the answer.
      restart: cursor !== null && (error.outcome === "gone" || (error.outcome === "invalid" && error.status !== 200)),
    });
    this.#logger.warn(`${hook} cannot be audited now (${failures} failures in a row): ${error.message}${hintFor(error)}`);
  }
}
