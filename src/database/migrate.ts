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

/** lock_not_available, and deadlock_detected: others take the same locks in another order. */
const WAITS = new Set(["55P03", "40P01"]);
/** Between two attempts at a lock. Milliseconds. */
const LET_OTHERS_PASS = 1_000;

/** Any number that no other user of the database takes: "octg" in ASCII. */
const LOCK_KEY = 0x6f637467;

/**
 * Runs the pending migrations, one at a time: TypeORM has no lock of its own, and two concurrent runners would both try to
 * create the same tables. Each migration takes the lock in its own transaction, so it holds behind a transaction pooler,
 * is never idle, and ends with us.
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
      if (!WAITS.has(sqlState(error) ?? "")) throw error;
      if (!isLogged)
        logger.log("a migration waits for somebody who reads the same tables, a backup perhaps; meanwhile deliveries are taken in");
      isLogged = true;
      // A migration that cannot have its locks at once lets others pass, and tries again for as long as it takes.
      await sleep(LET_OTHERS_PASS);
    }
  }
}

/** @returns the name of the migration that ran, undefined where none is missing */
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
      // Asked for first: CREATE SCHEMA needs a right on the database even where the schema is there already.
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
 * Migrates on connections of its own, without a time limit: a long migration, or waiting for another runner's, is no hang.
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

/** The migrations of this build that the database has not seen. A newer database is fine: versions overlap in a rollout. */
export async function missingMigrations(on: Queryable): Promise<string[]> {
  // Not to_regclass: within a transaction it may answer from a cache of before another runner's commit.
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
