import pg from "pg";
import { DATABASE_USER } from "./cluster.js";

const CONNECT_MS = 5_000;

/** How to connect to the server. */
export interface Access {
  /** The directory of the server's Unix socket, by a short path. */
  readonly directory: string;
  /** Part of the socket's name. */
  readonly port: number;
  readonly password: string;
}

/** The URL of Octogauge's database on that server. */
export function databaseUrl({ directory, port, password }: Access): string {
  return `postgres://${DATABASE_USER}:${password}@${encodeURIComponent(directory)}:${port}/${DATABASE_USER}`;
}

async function withClient<T>({ directory, port, password }: Access, database: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({
    host: directory,
    port,
    user: DATABASE_USER,
    password,
    database,
    ssl: false,
    connectionTimeoutMillis: CONNECT_MS,
    query_timeout: CONNECT_MS,
  });
  // A server that stops raises an error outside of any query, too.
  client.on("error", () => undefined);
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Whether Octogauge's database answers a query. */
export async function answers(access: Access): Promise<boolean> {
  return withClient(access, DATABASE_USER, (client) => client.query("SELECT 1")).then(
    () => true,
    () => false,
  );
}

/**
 * Connects once and creates Octogauge's database if it is missing.
 * @throws pg.DatabaseError or NodeJS.ErrnoException where the server does not answer yet
 */
export async function ensureDatabase(access: Access): Promise<void> {
  await withClient(access, "postgres", async (client) => {
    const found = await client.query("SELECT FROM pg_database WHERE datname = $1", [DATABASE_USER]);
    if (found.rowCount === 0) await client.query(`CREATE DATABASE ${DATABASE_USER}`);
  });
}
