import { expect, it } from "vitest";
import { createDataSource, poolOf } from "../../src/database/data-source.js";
import { migrate, missingMigrations } from "../../src/database/migrate.js";
import { freshDatabase, rowsOf } from "../support/database.js";

const connect = async (url: string) => {
  const dataSource = createDataSource({ DATABASE_URL: url, DATABASE_POOL_SIZE: 4, DATABASE_CONNECT_TIMEOUT: 5 }, () => undefined);
  await dataSource.initialize();
  return dataSource;
};

it("of many runners at once one migrates, the others wait and find nothing to do", async () => {
  const url = await freshDatabase({ migrated: false });
  const runners = await Promise.all(Array.from({ length: 5 }, () => connect(url)));
  expect(await missingMigrations(poolOf(runners[0]!))).not.toEqual([]);
  const ran = await Promise.all(runners.map((runner) => migrate(runner)));
  expect(ran.filter((names) => names.length > 0)).toHaveLength(1);
  expect(await missingMigrations(poolOf(runners[0]!))).toEqual([]);
  expect((await rowsOf(url, "SELECT FROM octogauge.migrations")).length).toBe(ran.flat().length);
  await Promise.all(runners.map((runner) => runner.destroy()));
});

it("a newer schema is no reason to wait: versions overlap in a rollout", async () => {
  const url = await freshDatabase();
  await rowsOf(url, "INSERT INTO octogauge.migrations (timestamp, name) VALUES (9999999999999, 'Later9999999999999')");
  const runner = await connect(url);
  expect(await missingMigrations(poolOf(runner))).toEqual([]);
  expect(await migrate(runner)).toEqual([]);
  await runner.destroy();
});
