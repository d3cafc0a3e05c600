import { DataSource } from "typeorm";
import type { Pool } from "pg";
import { migrations } from "../../migrations/index.js";
import { type Config, readDatabaseUrl } from "../config/index.js";
import { clientsFor } from "./connecting-client.js";
import { BEGIN_LONG } from "./session.js";
import type { Queryable } from "./sql.js";

/** Longest statement that we wait for; a hung database must not hold a client for ever. Seconds. */
export const QUERY_TIMEOUT = 60;
/** Longest wait for a connection, new or from the pool: an attempt that began in an outage must not outlast it for long. Seconds. */
const CONNECTION_TIMEOUT = 3;

/**
 * The data source that owns the pool and runs the migrations; not yet initialised.
 * @param queryTimeout seconds, 0 for none
 * @param currentUrl asked at each new connection
 */
export function createDataSource(
  config: Pick<Config, "DATABASE_URL" | "DATABASE_POOL_SIZE" | "DATABASE_CONNECT_TIMEOUT">,
  onPoolError: (error: Error) => void,
  queryTimeout: number = QUERY_TIMEOUT,
  currentUrl: () => string | undefined = () => config.DATABASE_URL,
): DataSource {
  const { DATABASE_URL } = config;
  if (!DATABASE_URL) throw new Error("no DATABASE_URL: start the embedded PostgreSQL first, or name a database");
  return new DataSource({
    type: "postgres",
    database: readDatabaseUrl(DATABASE_URL).database ?? "",
    schema: "octogauge",
    migrations: [...migrations],
    migrationsTableName: "migrations",
    logging: false,
    poolErrorHandler: (error: Error) => onPoolError(error),
    extra: {
      Client: clientsFor(() => currentUrl() ?? DATABASE_URL),
      max: config.DATABASE_POOL_SIZE,
      connectionTimeoutMillis: Math.min(CONNECTION_TIMEOUT, config.DATABASE_CONNECT_TIMEOUT) * 1_000,
      ...(queryTimeout > 0 ? { query_timeout: queryTimeout * 1_000 } : {}),
      idleTimeoutMillis: 30_000,
      keepAlive: true,
    },
  });
}

/** node-postgres' pool beneath the data source: the hot path speaks to it without a layer between. */
export function poolOf(dataSource: DataSource): Pool {
  return (dataSource.driver as unknown as { master: Pool }).master;
}

/** For commands, whose round trips do not count: each statement in a transaction of its own, whatever the role's settings are. */
export function statementsOf(dataSource: DataSource): Queryable {
  return {
    query: async (text, values) => {
      const client = await poolOf(dataSource).connect();
      let failure: Error | undefined;
      try {
        await client.query(BEGIN_LONG);
        const result = await client.query(text, values);
        await client.query("COMMIT");
        return result;
      } catch (error) {
        failure = error as Error;
        throw error;
      } finally {
        client.release(failure);
      }
    },
  };
}
