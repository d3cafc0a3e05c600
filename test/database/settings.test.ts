import { randomBytes } from "node:crypto";
import pg from "pg";
import { describe, expect, inject, it } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { Database } from "../../src/database/database.js";
import { migrateDatabase } from "../../src/database/migrate.js";
import { inspect } from "../../src/database/session.js";
import { sql } from "../../src/database/sql.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { post, startInstance, testEnvironment } from "../support/octogauge.js";
import { jobPayload, RAN } from "../support/payloads.js";
import { hasPgBouncer, throughPgBouncer } from "../support/pgbouncer.js";

/** A role that owns a database, both with settings that a DBA may have made. */
async function databaseWith(settings: Record<string, string>, { on = "ROLE", migrated = false } = {}): Promise<string> {
  const url = new URL(await freshDatabase({ migrated }));
  const [name, role] = [url.pathname.slice(1), `role_${randomBytes(6).toString("hex")}`];
  const admin = new pg.Client({ connectionString: inject("serverUrl") });
  await admin.connect();
  await admin.query(`CREATE ROLE ${role} LOGIN SUPERUSER PASSWORD 'p'`);
  for (const [setting, value] of Object.entries(settings))
    await admin.query(`ALTER ${on} ${on === "ROLE" ? role : name} SET ${setting} = '${value}'`);
  await admin.end();
  [url.username, url.password] = [role, "p"];
  return url.href;
}

const SETTINGS: [string, Record<string, string>][] = [
  ["serializable", { default_transaction_isolation: "serializable" }],
  ["repeatable read", { default_transaction_isolation: "repeatable read" }],
  ["a lock_timeout of 1 ms", { lock_timeout: "1ms" }],
  ["a statement_timeout of 20 ms", { statement_timeout: "20ms" }],
  ["an idle_in_transaction_session_timeout of 60 ms", { idle_in_transaction_session_timeout: "60ms" }],
  ["an idle_session_timeout of 60 ms", { idle_session_timeout: "60ms" }],
  ["synchronous_commit off", { synchronous_commit: "off" }],
];

describe.each(["ROLE", "DATABASE"])("settings of a DBA by ALTER %s", (on) => {
  it.each(SETTINGS)("%s: Octogauge migrates, accepts deliveries and counts them once", async (_, settings) => {
    const instance = await startInstance({}, await databaseWith(settings, { on }));
    const database = rowsOf(instance.databaseUrl, "SELECT 1");
    await database;
    // Concurrent deliveries, some with equal ids, cause serialization failures under serializable.
    const ids = Array.from({ length: 20 }, (_unused, index) => `00000000-0000-4000-8000-${String(index % 10).padStart(12, "0")}`);
    const answers = await Promise.all(ids.map((id) => post(instance.webhook, "ping", { zen: "x" }, id)));
    expect(answers.map(({ status }) => status)).toEqual(ids.map(() => 202));
    await expect
      .poll(async () => (await (await fetch(`${instance.managementUrl}/metrics`)).text()).match(/^github_events_total\{.*\} (\d+)/m)?.[1])
      .toBe("10");
  });
});

it("under serializable, concurrent deliveries and batches of several workers cause no 503 and no conflict", async () => {
  const url = await databaseWith({ default_transaction_isolation: "serializable" }, { migrated: true });
  const overrides = { WORKER_CONCURRENCY: "4", DATABASE_POOL_SIZE: "12" };
  const instances = [await startInstance(overrides, url), await startInstance(overrides, url)];
  const count = 200;
  // Other tests of this process may have failed statements on purpose.
  const failures = async () =>
    (await (await fetch(`${instances[0]!.managementUrl}/metrics/process`)).text()).match(/^octogauge_database_failures_total\{.*/gm) ?? [];
  const before = await failures();
  const answers = await Promise.all(
    // Jobs of one repository and one run: all batches write the same series and lock the same run.
    Array.from({ length: count }, (_, index) => {
      const job = { ...RAN, id: 1_000 + index, name: `test ${index}`, runner_id: index + 1 };
      return post(instances[index % 2]!.webhook, "workflow_job", jobPayload("completed", job));
    }),
  );
  expect(answers.filter(({ status }) => status !== 202)).toEqual([]);
  await expect.poll(() => rowsOf(url, "SELECT FROM octogauge.inbox LIMIT 1"), { timeout: 20_000 }).toEqual([]);
  expect(await failures()).toEqual(before);
  const metrics = await (await fetch(`${instances[0]!.managementUrl}/metrics`)).text();
  expect(metrics).toMatch(new RegExp(`^github_workflow_jobs_completed_total\\{.*\\} ${count}$`, "m"));
});

it("single statements and transactions run at read committed with our own limits", async () => {
  const url = await databaseWith({ default_transaction_isolation: "serializable", lock_timeout: "1ms" }, { migrated: true });
  const database = (await stillFleet({}, url)).get(Database);
  const shown = "SELECT current_setting('transaction_isolation') AS isolation, current_setting('lock_timeout') AS wait";
  expect(await sql(database, shown)).toEqual([{ isolation: "read committed", wait: "0" }]);
  expect(await database.transaction((on) => sql(on, shown))).toEqual([{ isolation: "read committed", wait: "0" }]);
});

it.each([
  ["off", "local"],
  ["local", "local"],
  ["remote_apply", "remote_apply"],
])("with synchronous_commit=%s, a delivery commits with %s", async (setting, expected) => {
  const database = (await stillFleet({}, await databaseWith({ synchronous_commit: setting }, { migrated: true }))).get(Database);
  const shown = [{ synchronous_commit: expected }];
  expect(await sql(database, "SHOW synchronous_commit")).toEqual(shown);
  expect(await database.transaction((on) => sql(on, "SHOW synchronous_commit"))).toEqual(shown);
});

it("a server older than PostgreSQL 14 is rejected with its version", async () => {
  const asked: string[] = [];
  const answering = (version: number, versionText: string) => {
    const row = { version, versionText, encoding: "UTF8", database: "d", isStandby: false, needsTransaction: false, isAsync: false };
    const query = async (text: string) => (asked.push(text), { rows: [{ ...row, isCutShort: false }] });
    return { query } as unknown as Parameters<typeof inspect>[0];
  };
  await expect(inspect(answering(130_022, "13.22 (Debian)"))).rejects.toThrow(
    "the server is PostgreSQL 13.22 (Debian), but Octogauge needs 14 or newer; upgrade the server",
  );
  await expect(inspect(answering(140_000, "14.0"))).resolves.toMatchObject({ isStandby: false });
  // The version query must not fail on settings that PostgreSQL 13 does not have.
  expect(asked[0]).not.toMatch(/current_setting\('(idle_session|transaction)_timeout'\)/);
});

it("with ordinary settings, a single statement stays one round trip", async () => {
  const database = (await stillFleet()).get(Database);
  await sql(database, "SELECT set_config('octogauge.mark', 'x', true)");
  // A wrapping transaction would apply our planner setting.
  expect(await sql(database, "SHOW enable_bitmapscan")).toEqual([{ enable_bitmapscan: "on" }]);
});

it("the transaction of the migration lock is neither idle nor ended by a timeout", async () => {
  const url = await databaseWith({ idle_in_transaction_session_timeout: "60ms", statement_timeout: "60ms" });
  const config = loadConfig(testEnvironment(url));
  const runners = await Promise.all([migrateDatabase(config), migrateDatabase(config)]);
  expect(new Set(runners.flat()).size).toBe(runners.flat().length);
  expect((await rowsOf(url, "SELECT FROM octogauge.migrations")).length).toBe(runners.flat().length);
});

it.runIf(hasPgBouncer)("the same is true behind PgBouncer in transaction mode", async () => {
  const url = await throughPgBouncer(await databaseWith({ default_transaction_isolation: "serializable", lock_timeout: "1ms" }), 5);
  const database = (await stillFleet({}, (await migrateDatabase(loadConfig(testEnvironment(url))), url))).get(Database);
  expect(await sql(database, "SHOW transaction_isolation")).toEqual([{ transaction_isolation: "read committed" }]);
});

it("a database in another encoding is rejected with advice", async () => {
  const name = `test_${randomBytes(6).toString("hex")}`;
  const server = inject("serverUrl");
  await rowsOf(server, `CREATE DATABASE ${name} ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0`);
  const url = Object.assign(new URL(server), { pathname: `/${name}` }).href;
  await expect(startInstance({}, url)).rejects.toThrow(/has the encoding LATIN1.*ENCODING 'UTF8'/);
});
