import { Inject, Injectable, Logger } from "@nestjs/common";
import { Broker } from "../buffer/broker.js";
import { CONFIG, type Config } from "../config/index.js";
import { COUNTERS, Counters } from "../counters/index.js";
import { Database } from "../database/index.js";
import type { GitHubError, LogPage } from "../github/index.js";
import { hintFor } from "./hint.js";
import { type Audit, endAudit, failAudit, continueAudit, nextAudit, recordMissed, registerHooks } from "./audited-hooks.sql.js";

/** Margin for ledger entries that expire during the check of a page. */
const LEDGER_MARGIN_SECONDS = 300;
/** Tolerance before a gap in the audit is logged. */
const GAP_MARGIN_SECONDS = 600;
/** Longest wait for the buffer to drain. */
const MAX_BUFFER_WAIT_MS = 900_000;

type Settings = Pick<Config, "AUDIT_INTERVAL" | "AUDIT_SETTLE" | "AUDIT_WINDOW" | "DEDUP_RETENTION" | "REDELIVERY">;

/** Stores the state of the audits and the missed deliveries. Rows and counters change in one transaction. */
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

  /** Adds new hooks and deletes old ones. The counters of a new hook start at 0, so that its first loss is an increase. */
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

  /** The next hook and cursor to read; undefined while deliveries wait in the buffer. */
  async next(hooks: readonly string[]): Promise<Audit | undefined> {
    if (await this.#isBuffering()) return undefined;
    const audit = await nextAudit(this.database, hooks, this.config.AUDIT_SETTLE);
    if (audit?.cursor === null && audit.lookBackTo < Date.now() - 1_000 * (this.config.AUDIT_WINDOW + GAP_MARGIN_SECONDS)) {
      this.#logger.error(
        `${audit.hook} was not audited for longer than GitHub keeps its log: deliveries lost since ${new Date(audit.lookBackTo).toISOString()} may not be detected`,
      );
    }
    return audit;
  }

  /** Buffered deliveries have arrived, but are not in the ledger yet. The wait is limited, because a message that cannot be stored stays in the buffer. */
  async #isBuffering(): Promise<boolean> {
    const waiting = await this.broker?.pending().catch(() => undefined);
    if (!this.broker || waiting === 0) this.#bufferedSince = undefined;
    else this.#bufferedSince ??= performance.now();
    return this.#bufferedSince !== undefined && performance.now() - this.#bufferedSince < MAX_BUFFER_WAIT_MS;
  }

  /** Records the missed deliveries of a page and the new cursor. */
  async record(audit: Audit, { deliveries, next, answeredAt }: LogPage): Promise<void> {
    const { hook, lookBackTo } = audit;
    const delta = this.counters.newDelta();
    const isEnd = next === undefined || (deliveries.length > 0 && deliveries.every(({ deliveredAt }) => deliveredAt < lookBackTo));
    // Uses GitHub's clock (the Date header, in whole seconds), because the database's clock may differ.
    const until = audit.cursor === null && answeredAt !== undefined ? new Date(answeredAt + 999 - 1_000 * this.config.AUDIT_SETTLE) : null;
    let missed = 0;
    await this.database.transaction(async (transaction) => {
      missed = await recordMissed(transaction, hook, deliveries, until, this.config.DEDUP_RETENTION - LEDGER_MARGIN_SECONDS);
      if (isEnd) await endAudit(transaction, audit, this.config.AUDIT_INTERVAL, until);
      else await continueAudit(transaction, audit, next, until);
      if (missed > 0) delta.add(COUNTERS.hookMissed, [hook], missed);
      await this.counters.write(transaction, delta);
    });
    if (missed > 0)
      this.#logger.warn(
        `${missed} deliveries in GitHub's log of ${hook} did not arrive${this.config.REDELIVERY === "on" ? "; requesting redelivery" : " (REDELIVERY is off)"}`,
      );
    if (audit.failures > 0) this.#logger.log(`the audit of ${hook} succeeded again`);
  }

  /** Records a failed read of the log and starts the backoff. */
  async fail({ hook, cursor }: Pick<Audit, "hook" | "cursor">, error: GitHubError): Promise<void> {
    const failures = await failAudit(this.database, hook, error.message, {
      firstBackoffSeconds: this.config.AUDIT_INTERVAL,
      waitSeconds: error.waitSeconds,
      // Restart if GitHub rejected the cursor, but not if its response (200) was invalid.
      restart: cursor !== null && (error.outcome === "gone" || (error.outcome === "invalid" && error.status !== 200)),
    });
    this.#logger.warn(`the audit of ${hook} failed (${failures} consecutive failures): ${error.message}${hintFor(error)}`);
  }
}
