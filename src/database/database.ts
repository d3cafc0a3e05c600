import { Inject, Injectable, Logger, type OnApplicationShutdown } from "@nestjs/common";
import type { Pool, PoolClient } from "pg";
import type { DataSource } from "typeorm";
import { CONFIG, type Config, LiveConfig } from "../config/index.js";
import { createDataSource, poolOf, QUERY_TIMEOUT } from "./data-source.js";
import { Connections } from "./connections.js";
import { sessionOf } from "./connecting-client.js";
import { DatabaseMetrics } from "./database.metrics.js";
import { isTransient } from "./errors.js";
import { messageOf } from "../logging/index.js";
import { AdaptiveTimeout } from "./adaptive-timeout.js";
import { BEGIN, BEGIN_DURABLE, beginOf } from "./session.js";
import { type Queryable } from "./sql.js";

const CONNECT_PAUSE_MS = 250;

const CHEAP = new Set([BEGIN, BEGIN_DURABLE, "ROLLBACK"]);

/** The one pool of this process. Closed last, after every other room has stopped. */
@Injectable()
export class Database implements Queryable, OnApplicationShutdown {
  readonly #logger = new Logger("database");
  readonly #dataSource: DataSource;
  readonly #patience = new Map<string, AdaptiveTimeout>();
  #failed = false;
  #made: Connections | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    live: LiveConfig,
    private readonly metrics: DatabaseMetrics,
  ) {
    const onPoolError = (error: Error) => {
      if (!this.#closing) this.#logger.warn(`idle connection lost: ${error.message}`);
    };
    this.#dataSource = createDataSource(config, onPoolError, QUERY_TIMEOUT, () => live.databaseUrl);
  }

  /**
   * Connects, trying again for DATABASE_CONNECT_TIMEOUT: the database may be starting as we do.
   * @throws where the database cannot be reached by then
   */
  async connect(): Promise<void> {
    if (this.isConnected) return;
    const until = Date.now() + this.config.DATABASE_CONNECT_TIMEOUT * 1_000;
    for (let isLogged = false; ; isLogged = true) {
      try {
        await this.#dataSource.initialize();
        this.#made = new Connections(this.pool, this.metrics);
        if (this.#closing) await this.#dataSource.destroy();
        return;
      } catch (error) {
        if (this.#closing || !isTransient(error) || Date.now() >= until) throw error;
        if (!isLogged) this.#logger.log(`waiting up to ${this.config.DATABASE_CONNECT_TIMEOUT} s for the database: ${messageOf(error)}`);
        await new Promise((resolve) => setTimeout(resolve, CONNECT_PAUSE_MS));
      }
    }
  }

  get dataSource(): DataSource {
    return this.#dataSource;
  }

  /** Whether {@link connect} has succeeded. */
  get isConnected(): boolean {
    return this.#made !== undefined;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  get #connections(): Connections {
    if (!this.#made) throw new Error("there was no connection to the database yet");
    return this.#made;
  }

  /** Whether a statement failed, for a reason that was not in its data, since a {@link clearedBy} succeeded. */
  get hasFailed(): boolean {
    return this.#failed;
  }

  /** Forgets failures if `proof`, which has to write, succeeds. */
  async clearedBy(proof: () => Promise<void>): Promise<void> {
    // Before it: what fails meanwhile, the proof included, is a failure again.
    this.#failed = false;
    await proof();
  }

  get pool(): Pool {
    return poolOf(this.#dataSource);
  }

  async query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    return this.within(QUERY_TIMEOUT).query(text, values);
  }

  /** The same database with a shorter patience; a statement that takes longer is given up with its connection. */
  within(seconds: number): Queryable {
    return {
      query: async (text, values) => {
        const client = await this.#connections.take();
        if (sessionOf(client)?.needsTransaction)
          return this.#inTransaction(client, () => this.#connections.ask(client, seconds, text, values));
        try {
          return await this.#connections.ask(client, seconds, text, values);
        } catch (error) {
          this.#note(error);
          throw error;
        } finally {
          this.#connections.giveBack(client);
        }
      },
    };
  }

  /**
   * Runs `work` in one transaction: all of it or nothing. A client whose transaction failed to end is thrown away.
   * The server ends a transaction whose client has frozen, or the locks on shared series would stop every replica.
   */
  async transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T> {
    const client = await this.#connections.take();
    return this.#inTransaction(client, () => work({ query: (text, values) => this.#patiently(client, text, values) }));
  }

  async #inTransaction<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
    let isUsable = true;
    try {
      await this.#patiently(client, beginOf(sessionOf(client)));
      const result = await work();
      await this.#patiently(client, "COMMIT");
      return result;
    } catch (error) {
      this.#note(error);
      isUsable = await this.#rollback(client);
      throw error;
    } finally {
      this.#connections.giveBack(client, isUsable);
    }
  }

  /** @returns whether the client is of further use; a connection that gave no answer will not answer a ROLLBACK either */
  async #rollback(client: PoolClient): Promise<boolean> {
    if (this.#connections.isBroken(client)) return false;
    try {
      await this.#patiently(client, "ROLLBACK");
      return true;
    } catch {
      return false;
    }
  }

  #note(error: unknown): void {
    if (isTransient(error)) this.#failed = true;
  }

  async #patiently(client: PoolClient, text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    const patience = this.#patienceFor(text);
    const { seconds } = patience;
    const began = performance.now();
    const took = () => (performance.now() - began) / 1_000;
    try {
      const result = await this.#connections.ask(client, seconds, text, values);
      patience.answered(took());
      return result;
    } catch (error) {
      // A timer may fire a millisecond early.
      if (took() > 0.95 * seconds) patience.timedOut();
      throw error;
    }
  }

  /** The texts are constants of the code, so they are few. */
  #patienceFor(text: string): AdaptiveTimeout {
    let patience = this.#patience.get(text);
    // To begin and to end costs a server next to nothing, so it tells at once whether somebody is there.
    if (!patience) this.#patience.set(text, (patience = new AdaptiveTimeout(CHEAP.has(text) ? 3 : 5)));
    return patience;
  }

  async onApplicationShutdown(): Promise<void> {
    this.#closing ??= this.#dataSource.isInitialized ? this.#dataSource.destroy() : Promise.resolve();
    await this.#closing;
  }
}
