import { DataSource } from "typeorm";
import type { Pool } from "pg";
import { migrations } from "../../migrations/index.js";
import { type Config, readDatabaseUrl } from "../config/index.js";
import { clientsFor } from "./connecting-client.js";
import { BEGIN_LONG } from "./session.js";
import type { Queryable } from "./sql.js";

/** Timeout of one statement. A hung database must not hold a client forever. */
export const QUERY_TIMEOUT_SECONDS = 60;
/** Longest wait for a connection, new or from the pool. Short, so that an attempt ends soon after an outage. */
const CONNECTION_TIMEOUT_SECONDS = 3;

/**
 * Creates the data source that owns the pool and runs the migrations. It is not initialised yet.
 * @param queryTimeoutSeconds 0 for no timeout
 * @param currentUrl called for each new connection
 */
export function createDataSource(
  config: Pick<Config, "DATABASE_URL" | "DATABASE_POOL_SIZE" | "DATABASE_CONNECT_TIMEOUT">,
  onPoolError: (error: Error) => void,
  queryTimeoutSeconds: number = QUERY_TIMEOUT_SECONDS,
  currentUrl: () => string | undefined = () => config.DATABASE_URL,
): DataSource {
  const { DATABASE_URL } = config;
  if (!DATABASE_URL) throw new Error("DATABASE_URL is empty: set it, or start the embedded PostgreSQL first");
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
      connectionTimeoutMillis: Math.min(CONNECTION_TIMEOUT_SECONDS, config.DATABASE_CONNECT_TIMEOUT) * 1_000,
      ...(queryTimeoutSeconds > 0 ? { query_timeout: queryTimeoutSeconds * 1_000 } : {}),
      idleTimeoutMillis: 30_000,
      keepAlive: true,
    },
  });
}

/** The node-postgres pool of the data source. The hot path uses it directly, without TypeORM. */
export function poolOf(dataSource: DataSource): Pool {
  return (dataSource.driver as unknown as { master: Pool }).master;
}

/** Runs each statement in its own transaction, so that settings of the role do not matter. For commands, where extra round trips are cheap. */
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
