import { DataSource } from "typeorm";
import pg, { type Pool } from "pg";
import { migrations } from "../../migrations/index.js";
import type { Config } from "../config/config.js";

/** Longest statement that we wait for; a hung database must not hold a client for ever. Seconds. */
export const QUERY_TIMEOUT = 60;
/** Longest wait for a connection, new or from the pool: an attempt that began in an outage must not outlast it for long. Seconds. */
const CONNECTION_TIMEOUT = 3;

/**
 * A connection that breaks between two statements emits an error; while the pool hands it over nobody else listens,
 * and an error without a listener ends the process. Whoever uses the connection then learns of it by its next statement.
 */
class ListeningClient extends pg.Client {
  constructor(config: pg.ClientConfig) {
    super(config);
    this.on("error", () => undefined);
  }
}

/** Each new connection goes to the address of the moment, whose password may have been rotated. */
const clientFor = (currentUrl: () => string | undefined) =>
  class extends ListeningClient {
    constructor(config: pg.ClientConfig) {
      const url = currentUrl();
      super(url ? { ...config, connectionString: url } : config);
    }
  };

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
  if (!config.DATABASE_URL) throw new Error("no DATABASE_URL: start the embedded PostgreSQL first, or name a database");
  return new DataSource({
    type: "postgres",
    url: config.DATABASE_URL,
    schema: "octogauge",
    migrations: [...migrations],
    migrationsTableName: "migrations",
    applicationName: "octogauge",
    logging: false,
    poolErrorHandler: (error: Error) => onPoolError(error),
    extra: {
      Client: clientFor(currentUrl),
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
