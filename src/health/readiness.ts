import { withTimeout } from "../background/with-timeout.js";
import { messageOf } from "../logging/index.js";
import { Inject, Injectable } from "@nestjs/common";
import { HealthIndicatorService } from "@nestjs/terminus";
import { Broker } from "../buffer/broker.js";
import { Children } from "../cluster/children.js";
import { CONFIG, type Config } from "../config/index.js";
import { Database, type Queryable, sql } from "../database/index.js";
import { missingMigrations } from "../database/migrate.js";
import { oldestPendingAge } from "../queue/backlog.sql.js";
import { probeInbox } from "../intake/index.js";

/** A probe must be answered before it times out, whatever the database does. Milliseconds. */
const PROBE_MS = 2_000;

/** The checks behind the health routes; each tells what it found. */
@Injectable()
export class Readiness {
  #serving = false;
  #draining = false;
  readonly #underWay = new Map<string, Promise<unknown>>();

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Children) private readonly children: Children | undefined,
    @Inject(Broker) private readonly broker: Broker | undefined,
  ) {}

  /** Whether deliveries are taken while the database is away. */
  get #isBuffered(): boolean {
    return this.config.MODE !== "worker" && this.broker?.isUp === true;
  }

  /** The broker's state for those who look. By itself it makes nobody unready: without it the database takes deliveries. */
  buffer() {
    const check = this.indicators.check("buffer");
    if (!this.broker) return check.up();
    const { kind, isUp, trouble } = this.broker;
    return check.up({ kind, connected: isUp, ...(trouble ? { message: trouble } : {}) });
  }

  /** Ready from now on, if all else is: told after the public port is open, or the loops have begun, so that nobody is sent work too early. */
  startServing(): void {
    this.#serving = true;
  }

  /** Unready from now on: told before anything stops, so that nobody sends work here any more. */
  startDraining(): void {
    this.#draining = true;
  }

  draining() {
    const check = this.indicators.check("process");
    if (this.#draining) return check.down({ draining: true });
    return this.#serving ? check.up({ mode: this.config.MODE }) : check.down({ starting: true });
  }

  /** In the primary of a cluster: while none of its processes is there, nobody takes deliveries. */
  processes() {
    const check = this.indicators.check("processes");
    if (!this.children) return check.up();
    const { ready, count } = this.children;
    return ready > 0 ? check.up({ ready, of: count }) : check.down({ ready, of: count });
  }

  async schema() {
    const check = this.indicators.check("database");
    try {
      const missing = await answered(this.#shared("schema", () => this.#missing(this.database.within(PROBE_MS / 1_000))));
      if (missing.length === 0) return check.up();
      return this.#away(check, { message: "the schema is older than this build", missing });
    } catch (error) {
      return this.#away(check, { message: messageOf(error) });
    }
  }

  /** @throws where the database is not what it should be */
  async #missing(database: Queryable): Promise<string[]> {
    const missing = await missingMigrations(database);
    if (missing.length > 0) return missing;
    const [state] = await sql<{ readOnly: boolean }>(database, "SELECT current_setting('transaction_read_only')::boolean AS \"readOnly\"");
    if (state?.readOnly) throw new Error("the database is read-only");
    // A write costs something, so it is only tried where something has failed since one succeeded.
    if (this.database.hasFailed) await this.database.clearedBy(() => probeInbox(this.database));
    return [];
  }

  /** A gateway stays ready whatever the backlog: turning deliveries away would lose them. */
  async backlog() {
    const check = this.indicators.check("inbox");
    try {
      const seconds = Math.round(await answered(this.#shared("backlog", () => oldestPendingAge(this.database.within(PROBE_MS / 1_000)))));
      const late = this.config.MODE === "worker" && seconds > this.config.READY_MAX_PENDING_AGE;
      return late
        ? check.down({ oldestPendingSeconds: seconds, limit: this.config.READY_MAX_PENDING_AGE })
        : check.up({ oldestPendingSeconds: seconds });
    } catch (error) {
      return this.#away(check, { message: messageOf(error) });
    }
  }

  #away(check: ReturnType<HealthIndicatorService["check"]>, details: { readonly message: string; readonly missing?: string[] }) {
    return this.#isBuffered ? check.up({ ...details, away: true }) : check.down(details);
  }

  /** Probes of a hung database share one question, or they would use the pool up. */
  #shared<T>(name: string, ask: () => Promise<T>): Promise<T> {
    const asked = this.#underWay.get(name) as Promise<T> | undefined;
    if (asked) return asked;
    const asking = ask().finally(() => this.#underWay.delete(name));
    this.#underWay.set(name, asking);
    return asking;
  }
}

const answered = <T>(work: Promise<T>): Promise<T> => withTimeout(PROBE_MS, work, `no answer from the database within ${PROBE_MS} ms`);
