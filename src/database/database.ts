import { Inject, Injectable, Logger, type OnApplicationShutdown } from "@nestjs/common";
import type { Pool, PoolClient, QueryConfig } from "pg";
import type { DataSource } from "typeorm";
import { CONFIG, type Config } from "../config/config.js";
import { LiveConfig } from "../config/live-config.js";
import { createDataSource, poolOf, QUERY_TIMEOUT } from "./data-source.js";
import { Connections, isBroken } from "./connections.js";
import { isTransient } from "./errors.js";
import { Patience } from "./patience.js";
import { type Queryable } from "./sql.js";

const CONNECT_PAUSE_MS = 250;
/** Seconds. */
const BEGIN_TIMEOUT = 3;

// SET LOCAL, since a transaction pooler takes no session settings; one round trip with BEGIN.
const BEGIN = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '10s'";

/** The one pool of this process. Closed last, after every other room has stopped. */
@Injectable()
export class Database implements Queryable, OnApplicationShutdown {
  readonly #logger = new Logger("database");
  readonly #dataSource: DataSource;
  readonly #patience = new Patience();
  #failed = false;
  #made: Connections | undefined;
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
        this.#made = new Connections(this.pool);
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

  get #connections(): Connections {
    if (!this.#made) throw new Error("not connected yet: call connect() first");
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
        let broken: unknown;
        try {
          return await ask(client, seconds, text, values);
        } catch (error) {
          this.#note(error);
          if (isBroken(error)) broken = error;
          throw error;
        } finally {
          this.#connections.giveBack(client, broken);
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
    let broken: unknown;
    try {
      // It costs a server nothing, so it tells at once whether somebody is there.
      await ask(client, BEGIN_TIMEOUT, BEGIN);
      const result = await work({ query: (text, values) => this.#patiently(client, text, values) });
      await this.#patiently(client, "COMMIT");
      return result;
    } catch (error) {
      this.#note(error);
      broken = await rollback(client, error);
      throw error;
    } finally {
      this.#connections.giveBack(client, broken);
    }
  }

  #note(error: unknown): void {
    if (isTransient(error)) this.#failed = true;
  }

  async #patiently(client: PoolClient, text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    const began = performance.now();
    try {
      const result = await ask(client, this.#patience.seconds, text, values);
      this.#patience.answered((performance.now() - began) / 1_000);
      return result;
    } catch (error) {
      if (isBroken(error) && (performance.now() - began) / 1_000 >= this.#patience.seconds) this.#patience.timedOut();
      throw error;
    }
  }

  async onApplicationShutdown(): Promise<void> {
    this.#closing ??= this.#dataSource.isInitialized ? this.#dataSource.destroy() : Promise.resolve();
    await this.#closing;
  }
}

function ask(client: PoolClient, seconds: number, text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
  return client.query({ text, values, query_timeout: seconds * 1_000 } as QueryConfig);
}

/** @returns why the client is of no further use; a connection that gave no answer will not answer a ROLLBACK either */
async function rollback(client: PoolClient, reason: unknown): Promise<unknown> {
  if (isBroken(reason)) return reason;
  try {
    await ask(client, BEGIN_TIMEOUT, "ROLLBACK");
    return undefined;
  } catch (error) {
    return error;
  }
}
