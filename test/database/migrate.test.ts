import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { createDataSource, poolOf } from "../../src/database/data-source.js";
import { migrate, missingMigrations } from "../../src/database/migrate.js";
import { freshDatabase, rowsOf } from "../support/database.js";

const connect = async (url: string) => {
  const dataSource = createDataSource({ DATABASE_URL: url, DATABASE_POOL_SIZE: 4, DATABASE_CONNECT_TIMEOUT: 5 }, () => undefined);
  await dataSource.initialize();
  return dataSource;
};

it("with many concurrent runners, each migration is run once, in order", async () => {
  const url = await freshDatabase({ migrated: false });
  const runners = await Promise.all(Array.from({ length: 5 }, () => connect(url)));
  expect(await missingMigrations(poolOf(runners[0]!))).not.toEqual([]);
  const ran = await Promise.all(runners.map((runner) => migrate(runner)));
  expect(new Set(ran.flat()).size).toBe(ran.flat().length);
  expect(await missingMigrations(poolOf(runners[0]!))).toEqual([]);
  expect((await rowsOf(url, "SELECT FROM octogauge.migrations")).length).toBe(ran.flat().length);
  await Promise.all(runners.map((runner) => runner.destroy()));
});

it("a newer schema does not make the process wait: versions overlap in a rollout", async () => {
  const url = await freshDatabase();
  await rowsOf(url, "INSERT INTO octogauge.migrations (timestamp, name) VALUES (9999999999999, 'Later9999999999999')");
  const runner = await connect(url);
  expect(await missingMigrations(poolOf(runner))).toEqual([]);
  expect(await migrate(runner)).toEqual([]);
  await runner.destroy();
});

it("a migration that waits for its locks lets deliveries pass, and finishes", async () => {
  const url = await freshDatabase();
  const table = "octogauge.delivery_ledger";
  // The schema before the migration that adds this column.
  await rowsOf(url, `ALTER TABLE ${table} DROP COLUMN traceparent`);
  for (const other of ["inbox", "retries", "dead_letters"]) await rowsOf(url, `ALTER TABLE octogauge.${other} DROP COLUMN traceparent`);
  await rowsOf(url, "DELETE FROM octogauge.migrations WHERE name LIKE 'Traceparent%'");
  // A backup holds a read lock.
  const reader = new pg.Client({ connectionString: url });
  await reader.connect();
  onTestFinished(() => reader.end());
  await reader.query(`BEGIN; SELECT FROM ${table}`);
  const runner = await connect(url);
  const migrating = migrate(runner);
  const waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  // At each attempt of the migration a delivery queues behind it. It proceeds although the backup still holds its lock.
  for (let attempt = 1; attempt <= 2; attempt += 1) {
    await expect.poll(() => rowsOf(url, waiting)).toHaveLength(1);
    await rowsOf(url, `INSERT INTO ${table} (delivery_id) VALUES (gen_random_uuid())`);
  }
  await reader.query("COMMIT");
  expect(await migrating).toEqual(["Traceparent1796300000000"]);
  await runner.destroy();
});
