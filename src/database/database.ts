import { Inject, Injectable, Logger, type OnApplicationShutdown } from "@nestjs/common";
import type { Pool, PoolClient, QueryConfig } from "pg";
import type { DataSource } from "typeorm";
import { CONFIG, type Config } from "../config/config.js";
import { LiveConfig } from "../config/live-config.js";
import { createDataSource, poolOf, QUERY_TIMEOUT } from "./data-source.js";
import { isTransient, sqlState } from "./errors.js";
import { type Queryable } from "./sql.js";

const CONNECT_PAUSE_MS = 250;

// SET LOCAL, since a transaction pooler takes no session settings; one round trip with BEGIN.
const BEGIN = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10s'";

/** The one pool of this process. Closed last, after every other room has stopped. */
@Injectable()
export class Database implements Queryable, OnApplicationShutdown {
  readonly #logger = new Logger("database");
  readonly #dataSource: DataSource;
  #closing: Promise<void> | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    live: LiveConfig,
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
    const until = Date.now() + this.config.DATABASE_CONNECT_TIMEOUT * 1_000;
    for (let told = false; ; told = true) {
      try {
        await this.#dataSource.initialize();
        return;
      } catch (error) {
        if (!isTransient(error) || Date.now() >= until) throw error;
        if (!told)
          this.#logger.log(
            `waiting up to ${this.config.DATABASE_CONNECT_TIMEOUT} s for the database: ${error instanceof Error ? error.message : String(error)}`,
          );
        await new Promise((resolve) => setTimeout(resolve, CONNECT_PAUSE_MS));
      }
    }
  }

  get dataSource(): DataSource {
    return this.#dataSource;
  }

  get pool(): Pool {
    return poolOf(this.#dataSource);
  }

  async query(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    return this.pool.query(text, values);
  }

  /** The same database with a shorter patience; a statement that takes longer is given up with its connection. */
  within(seconds: number): Queryable {
    return { query: (text, values) => this.pool.query({ text, values, query_timeout: seconds * 1_000 } as QueryConfig) };
  }

  /**
   * Runs `work` in one transaction: all of it or nothing. A client whose transaction failed to end is thrown away.
   * The server ends a transaction whose client has frozen, or the locks on shared series would stop every replica.
   */
  async transaction<T>(work: (transaction: Queryable) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    let broken: Error | undefined;
    try {
      await client.query(BEGIN);
      const result = await work(client);
      await client.query("COMMIT");
      return result;
    } catch (error) {
      broken = await rollback(client, error);
      throw error;
    } finally {
      client.release(broken);
    }
  }

  async onApplicationShutdown(): Promise<void> {
    this.#closing ??= this.#dataSource.isInitialized ? this.#dataSource.destroy() : Promise.resolve();
    await this.#closing;
  }
}

/** @returns why the client is of no further use; a connection that gave no answer will not answer a ROLLBACK either */
async function rollback(client: PoolClient, reason: unknown): Promise<Error | undefined> {
  try {
    if (reason instanceof Error && sqlState(reason) === undefined && isTransient(reason)) return reason;
    await client.query("ROLLBACK");
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
