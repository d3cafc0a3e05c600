import { Logger } from "@nestjs/common";
import { setTimeout as sleep } from "node:timers/promises";
import { type DataSource, Migration, MigrationExecutor } from "typeorm";
import type { Config } from "../config/index.js";
import { migrations } from "../../migrations/index.js";
import { sqlState } from "./errors.js";
import { type Queryable, sql } from "./sql.js";
import { createDataSource, poolOf } from "./data-source.js";
import { BEGIN_LONG } from "./session.js";

const logger = new Logger("database");

/** SQLSTATE lock_not_available and deadlock_detected. */
const LOCKED = new Set(["55P03", "40P01"]);
const LOCK_RETRY_MS = 1_000;

/** Key of the advisory lock: "octg" in ASCII. */
const LOCK_KEY = 0x6f637467;

/**
 * Runs the pending migrations, one at a time. TypeORM has no lock, so each migration takes an advisory lock in its own
 * transaction. The lock works behind a transaction pooler, and ends with this process.
 * @returns the names of the migrations that ran
 */
export async function migrate(dataSource: DataSource): Promise<string[]> {
  const ran: string[] = [];
  for (let isLogged = false; ;) {
    try {
      const name = await migrateOnce(dataSource);
      if (name === undefined) return ran;
      ran.push(name);
    } catch (error) {
      if (!LOCKED.has(sqlState(error) ?? "")) throw error;
      if (!isLogged)
        logger.log(
          "a migration waits for a table lock that another session holds, such as a backup; intake continues, and the migration retries until it gets the lock",
        );
      isLogged = true;
      // A waiting lock request blocks all later ones. So the migration gives up at once, and retries without a limit.
      await sleep(LOCK_RETRY_MS);
    }
  }
}

/** @returns the name of the migration that ran, or undefined where none is missing */
async function migrateOnce(dataSource: DataSource): Promise<string | undefined> {
  const [name] = await missingMigrations(poolOf(dataSource));
  if (name === undefined) return undefined;
  const runner = dataSource.createQueryRunner();
  try {
    const on: Queryable = { query: async (text, values) => ({ rows: (await runner.query(text, values)) as unknown[] }) };
    await sql(on, BEGIN_LONG);
    await sql(on, "SELECT pg_advisory_xact_lock($1)", [LOCK_KEY]);
    const [missing] = await missingMigrations(on);
    if (missing !== undefined) {
      // CREATE SCHEMA IF NOT EXISTS would need the CREATE privilege even where the schema exists.
      const [schema] = await sql<{ found: boolean }>(on, "SELECT EXISTS (SELECT FROM pg_namespace WHERE nspname = 'octogauge') AS found");
      if (!schema?.found) await sql(on, "CREATE SCHEMA octogauge");
      const instance = dataSource.migrations.find((migration) => migration.name === missing);
      const migration = new Migration(undefined, Number(missing.slice(-13)), missing, instance);
      await new MigrationExecutor(dataSource, runner).executeMigration(migration);
    }
    await sql(on, "COMMIT");
    return missing;
  } catch (error) {
    await runner.query("ROLLBACK").catch(() => undefined);
    throw error;
  } finally {
    await runner.release();
  }
}

/**
 * Migrates on separate connections without a timeout. A migration, or the wait for another runner, may take long.
 * @returns the names of the migrations that ran
 */
export async function migrateDatabase(config: Config): Promise<string[]> {
  const dataSource = createDataSource({ ...config, DATABASE_POOL_SIZE: 2 }, () => undefined, 0);
  await dataSource.initialize();
  try {
    return await migrate(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

/** The migrations of this build that the database lacks. A newer schema is accepted, because versions overlap in a rollout. */
export async function missingMigrations(on: Queryable): Promise<string[]> {
  // Not to_regclass: inside a transaction its cache may be older than the commit of another runner.
  const [table] = await sql<{ found: boolean }>(
    on,
    "SELECT EXISTS (SELECT FROM pg_tables WHERE schemaname = 'octogauge' AND tablename = 'migrations') AS found",
  );
  const expected = migrations.map((migration) => migration.name);
  if (!table?.found) return expected;
  const rows = await sql<{ name: string }>(on, "SELECT name FROM octogauge.migrations");
  const present = new Set(rows.map((row) => row.name));
  return expected.filter((name) => !present.has(name));
}
