import { Logger } from "@nestjs/common";
import { setTimeout as sleep } from "node:timers/promises";
import type { DataSource } from "typeorm";
import type { Config } from "../config/config.js";
import { migrations } from "../../migrations/index.js";
import { sqlState } from "./errors.js";
import { type Queryable, sql } from "./sql.js";
import { createDataSource, poolOf } from "./data-source.js";

const logger = new Logger("database");

/** lock_not_available, and deadlock_detected: others take the same locks in another order. */
const WAITS = new Set(["55P03", "40P01"]);
/** Between two attempts at a lock. Milliseconds. */
const LET_OTHERS_PASS = 1_000;

/** Any number that no other user of the database takes: "octg" in ASCII. */
const LOCK_KEY = 0x6f637467;

/**
 * Runs the pending migrations, one runner at a time: TypeORM has no lock of its own, and two
 * concurrent runners would both try to create the same tables. The lock belongs to a transaction
 * on a connection of its own, so it holds behind a transaction pooler too, and ends with us.
 * @returns the names of the migrations that ran
 */
export async function migrate(dataSource: DataSource): Promise<string[]> {
  const client = await poolOf(dataSource).connect();
  try {
    await client.query("BEGIN");
    await client.query("SELECT pg_advisory_xact_lock($1)", [LOCK_KEY]);
    // Asked for first: CREATE SCHEMA needs a right on the database even where the schema is there already.
    const [schema] = await sql<{ found: boolean }>(poolOf(dataSource), "SELECT to_regnamespace('octogauge') IS NOT NULL AS found");
    if (!schema?.found) await sql(poolOf(dataSource), "CREATE SCHEMA octogauge");
    const ran = await runAll(dataSource);
    await client.query("COMMIT");
    return ran;
  } finally {
    // Thrown away rather than reused: where something failed, its transaction is still open.
    client.release(true);
  }
}

/** A migration that cannot have its locks at once lets others pass, and tries again for as long as it takes. */
async function runAll(dataSource: DataSource): Promise<string[]> {
  const before = await missingMigrations(poolOf(dataSource));
  for (let told = false; ; told = true) {
    try {
      await dataSource.runMigrations({ transaction: "each" });
      return before;
    } catch (error) {
      if (!WAITS.has(sqlState(error) ?? "")) throw error;
      if (!told)
        logger.log("a migration waits for somebody who reads the same tables, a backup perhaps; meanwhile deliveries are taken in");
      await sleep(LET_OTHERS_PASS);
    }
  }
}

/**
 * Migrates on connections of its own, without a time limit: a long migration, or waiting for another runner's, is no hang.
 * @returns the names of the migrations that ran
 */
export async function migrateDatabase(config: Config): Promise<string[]> {
  const dataSource = createDataSource({ ...config, DATABASE_POOL_SIZE: 3 }, () => undefined, 0);
  await dataSource.initialize();
  try {
    return await migrate(dataSource);
  } finally {
    await dataSource.destroy();
  }
}

/** The migrations of this build that the database has not seen. A newer database is fine: versions overlap in a rollout. */
export async function missingMigrations(on: Queryable): Promise<string[]> {
  const [table] = await sql<{ found: boolean }>(on, "SELECT to_regclass('octogauge.migrations') IS NOT NULL AS found");
  const expected = migrations.map((migration) => migration.name);
  if (!table?.found) return expected;
  const rows = await sql<{ name: string }>(on, "SELECT name FROM octogauge.migrations");
  const present = new Set(rows.map((row) => row.name));
  return expected.filter((name) => !present.has(name));
}
