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

/** A probe must be answered before it times out, even if the database hangs. */
const PROBE_TIMEOUT_MS = 2_000;

/** The checks of the health routes. */
@Injectable()
export class Readiness {
  #serving = false;
  #draining = false;
  readonly #running = new Map<string, Promise<unknown>>();

  constructor(
    private readonly indicators: HealthIndicatorService,
    private readonly database: Database,
    @Inject(CONFIG) private readonly config: Config,
    @Inject(Children) private readonly children: Children | undefined,
    @Inject(Broker) private readonly broker: Broker | undefined,
  ) {}

  /** Whether deliveries are accepted during a database outage. */
  get #hasBuffer(): boolean {
    return this.config.MODE !== "worker" && this.broker?.isUp === true;
  }

  /** Reports the broker's state. It never fails readiness, because without the broker deliveries go to the database. */
  buffer() {
    const check = this.indicators.check("buffer");
    if (!this.broker) return check.up();
    const { kind, isUp, trouble } = this.broker;
    return check.up({ kind, connected: isUp, ...(trouble ? { message: trouble } : {}) });
  }

  /** Call it after the public port is open or the loops have started; the process is not ready before. */
  startServing(): void {
    this.#serving = true;
  }

  /** Makes the process unready. Call it first in a shutdown, so that no new work arrives. */
  startDraining(): void {
    this.#draining = true;
  }

  draining() {
    const check = this.indicators.check("process");
    if (this.#draining) return check.down({ draining: true });
    return this.#serving ? check.up({ mode: this.config.MODE }) : check.down({ starting: true });
  }

  /** In the primary of a cluster: fails while no child is ready, because then no process accepts deliveries. */
  processes() {
    const check = this.indicators.check("processes");
    if (!this.children) return check.up();
    const { ready, count } = this.children;
    return ready > 0 ? check.up({ ready, of: count }) : check.down({ ready, of: count });
  }

  async schema() {
    const check = this.indicators.check("database");
    try {
      const missing = await answered(this.#shared("schema", () => this.#missing(this.database.within(PROBE_TIMEOUT_MS / 1_000))));
      if (missing.length === 0) return check.up();
      return this.#downUnlessBuffered(check, { message: "the schema is older than this build", missing });
    } catch (error) {
      return this.#downUnlessBuffered(check, { message: messageOf(error) });
    }
  }

  /** @throws if the database is read-only or cannot be written */
  async #missing(database: Queryable): Promise<string[]> {
    const missing = await missingMigrations(database);
    if (missing.length > 0) return missing;
    const [state] = await sql<{ readOnly: boolean }>(database, "SELECT current_setting('transaction_read_only')::boolean AS \"readOnly\"");
    if (state?.readOnly) throw new Error("the database is read-only");
    // Writing costs, so it is tried only after a failure.
    if (this.database.hasFailed) await this.database.clearedBy(() => probeInbox(this.database));
    return [];
  }

  /** A gateway stays ready with any backlog, because GitHub does not retry rejected deliveries. */
  async backlog() {
    const check = this.indicators.check("inbox");
    try {
      const seconds = Math.round(
        await answered(this.#shared("backlog", () => oldestPendingAge(this.database.within(PROBE_TIMEOUT_MS / 1_000)))),
      );
      const late = this.config.MODE === "worker" && seconds > this.config.READY_MAX_PENDING_AGE;
      return late
        ? check.down({ oldestPendingSeconds: seconds, limit: this.config.READY_MAX_PENDING_AGE })
        : check.up({ oldestPendingSeconds: seconds });
    } catch (error) {
      return this.#downUnlessBuffered(check, { message: messageOf(error) });
    }
  }

  #downUnlessBuffered(
    check: ReturnType<HealthIndicatorService["check"]>,
    details: { readonly message: string; readonly missing?: string[] },
  ) {
    return this.#hasBuffer ? check.up({ ...details, away: true }) : check.down(details);
  }

  /** Probes share one running query, so that probes of a hung database do not exhaust the pool. */
  #shared<T>(name: string, ask: () => Promise<T>): Promise<T> {
    const present = this.#running.get(name) as Promise<T> | undefined;
    if (present) return present;
    const started = ask().finally(() => this.#running.delete(name));
    this.#running.set(name, started);
    return started;
  }
}

const answered = <T>(work: Promise<T>): Promise<T> =>
  withTimeout(PROBE_TIMEOUT_MS, work, `no answer from the database within ${PROBE_TIMEOUT_MS} ms`);
