import { Inject, Injectable, Logger, type OnApplicationShutdown } from "@nestjs/common";
import type { Pool, PoolClient } from "pg";
import type { DataSource } from "typeorm";
import { CONFIG, type Config, LiveConfig } from "../config/index.js";
import { createDataSource, poolOf, QUERY_TIMEOUT_SECONDS } from "./data-source.js";
import { Connections } from "./connections.js";
import { sessionOf } from "./connecting-client.js";
import { DatabaseMetrics } from "./database.metrics.js";
import { isTransient } from "./errors.js";
import { messageOf } from "../logging/index.js";
import { AdaptiveTimeout } from "./adaptive-timeout.js";
import { BEGIN, BEGIN_DURABLE, beginOf } from "./session.js";
import { type Queryable } from "./sql.js";

const CONNECT_PAUSE_MS = 250;

/** These cost a server almost nothing, so a short timeout shows at once whether the server is alive. */
const CHEAP = new Set([BEGIN, BEGIN_DURABLE, "ROLLBACK"]);
const CHEAP_TIMEOUT_SECONDS = 3;
const TIMEOUT_SECONDS = 5;

/** The connection pool of this process. It closes last, after all other rooms have stopped. */
@Injectable()
export class Database implements Queryable, OnApplicationShutdown {
  readonly #logger = new Logger("database");
  readonly #dataSource: DataSource;
  readonly #timeouts = new Map<string, AdaptiveTimeout>();
  #failed = false;
  #pooled: Connections | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    live: LiveConfig,
    private readonly metrics: DatabaseMetrics,
  ) {
    const onPoolError = (error: Error) => {
      if (!this.#closing) this.#logger.warn(`idle connection lost: ${error.message}`);
    };
    this.#dataSource = createDataSource(config, onPoolError, QUERY_TIMEOUT_SECONDS, () => live.databaseUrl);
  }

  /**
   * Connects, with retries for DATABASE_CONNECT_TIMEOUT, because the database may still be starting.
   * @throws where the database is unreachable after that time
   */
  async connect(): Promise<void> {
    if (this.isConnected) return;
    const until = Date.now() + this.config.DATABASE_CONNECT_TIMEOUT * 1_000;
    for (let isLogged = false; ; isLogged = true) {
      try {
        await this.#dataSource.initialize();
        this.#pooled = new Connections(this.pool, this.metrics);
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
    return this.#pooled !== undefined;
  }

  get isClosing(): boolean {
    return this.#closing !== undefined;
  }

  get #connections(): Connections {
    // isTransient matches the word "connection".
    if (!this.#pooled) throw new Error("there is no connection to the database yet");
    return this.#pooled;
  }

  /** Whether a statement has failed since the last successful {@link clearedBy}. Errors in the data do not count. */
  get hasFailed(): boolean {
    return this.#failed;
  }

  /** Clears {@link hasFailed} if `proof` succeeds. The proof must write. */
  async clearedBy(proof: () => Promise<void>): Promise<void> {
    // Cleared first, so that a failure during the proof counts again.
    this.#failed = false;
    await proof();
  }

  get pool(): Pool {
    return poolOf(this.#dataSource);
  }

  async query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    return this.within(QUERY_TIMEOUT_SECONDS).query(text, values);
  }

  /** The same database with a shorter timeout. A statement that takes longer fails, and its connection is closed. */
  within(timeoutSeconds: number): Queryable {
    return {
      query: async (text, values) => {
        const client = await this.#connections.take();
        if (sessionOf(client)?.needsTransaction)
          return this.#inTransaction(client, () => this.#connections.query(client, timeoutSeconds, text, values));
        try {
          return await this.#connections.query(client, timeoutSeconds, text, values);
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
   * Runs `work` in one transaction. If the rollback fails, the client is closed. The server ends the transaction of a
   * frozen client ({@link BEGIN}), because its locks on shared series would stop every replica.
   */
  async transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T> {
    const client = await this.#connections.take();
    return this.#inTransaction(client, () => work({ query: (text, values) => this.#queryAdaptively(client, text, values) }));
  }

  async #inTransaction<T>(client: PoolClient, work: () => Promise<T>): Promise<T> {
    let isUsable = true;
    try {
      await this.#queryAdaptively(client, beginOf(sessionOf(client)));
      const result = await work();
      await this.#queryAdaptively(client, "COMMIT");
      return result;
    } catch (error) {
      this.#note(error);
      isUsable = await this.#rollback(client);
      throw error;
    } finally {
      this.#connections.giveBack(client, isUsable);
    }
  }

  /** @returns whether the client is still usable. A broken connection gets no ROLLBACK, since it would not answer. */
  async #rollback(client: PoolClient): Promise<boolean> {
    if (this.#connections.isBroken(client)) return false;
    try {
      await this.#queryAdaptively(client, "ROLLBACK");
      return true;
    } catch {
      return false;
    }
  }

  #note(error: unknown): void {
    if (isTransient(error)) this.#failed = true;
  }

  async #queryAdaptively(client: PoolClient, text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    const timeout = this.#timeoutFor(text);
    const { seconds } = timeout;
    const startedMs = performance.now();
    const elapsedSeconds = () => (performance.now() - startedMs) / 1_000;
    try {
      const result = await this.#connections.query(client, seconds, text, values);
      timeout.answered(elapsedSeconds());
      return result;
    } catch (error) {
      // A timer may fire a millisecond early.
      if (elapsedSeconds() > 0.95 * seconds) timeout.timedOut();
      throw error;
    }
  }

  /** The map stays small, because statement texts are constants of the code. */
  #timeoutFor(text: string): AdaptiveTimeout {
    let timeout = this.#timeouts.get(text);
    if (!timeout) this.#timeouts.set(text, (timeout = new AdaptiveTimeout(CHEAP.has(text) ? CHEAP_TIMEOUT_SECONDS : TIMEOUT_SECONDS)));
    return timeout;
  }

  async onApplicationShutdown(): Promise<void> {
    this.#closing ??= this.#dataSource.isInitialized ? this.#dataSource.destroy() : Promise.resolve();
    await this.#closing;
  }
}
