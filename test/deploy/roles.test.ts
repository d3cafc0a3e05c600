import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
import pg from "pg";
import { expect, inject, it, onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { migrateDatabase } from "../../src/database/migrate.js";
import { rowsOf } from "../support/database.js";
import { drained, post, samples, startInstance, testEnvironment } from "../support/octogauge.js";

const [AT_ONCE, LATER] = [...readFileSync("SECURITY.md", "utf8").matchAll(/```sql\n([^]*?)```/g)].map(([, text]) => text!) as [
  string,
  string,
];

/** The page's statements with role names of this test, because roles are shared by the whole server. */
function onServer() {
  const mark = randomBytes(4).toString("hex");
  const [service, migrator] = [`octogauge_${mark}`, `octogauge_migrate_${mark}`];
  const database = service;
  const renamed = (text: string) =>
    text
      .replaceAll("octogauge_migrate", migrator)
      .replace(/(?<=ROLE |DATABASE |connect |TO |BY |OWNER )octogauge\b/g, service)
      .replaceAll("…", "p");
  const urlOf = (user?: string) => {
    const url = new URL(inject("serverUrl"));
    url.pathname = `/${database}`;
    if (user) [url.username, url.password] = [user, "p"];
    return url.href;
  };
  const run = async (url: string, text: string): Promise<void> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      for (const statement of renamed(text)
        .split(/;$/m)
        .filter((part) => part.trim()))
        await client.query(statement);
    } finally {
      await client.end();
    }
  };
  onTestFinished(async () => {
    await run(inject("serverUrl"), `DROP DATABASE IF EXISTS ${database} WITH (FORCE);\nDROP ROLE IF EXISTS ${service}, ${migrator};`);
  });
  return { urlOf, run, service, migrator };
}

type Server = ReturnType<typeof onServer>;

async function serves({ urlOf, service, migrator }: Server): Promise<void> {
  // As a migration of the next version would.
  await rowsOf(urlOf(migrator), "CREATE TABLE octogauge.of_the_next_version (id int)");
  await rowsOf(urlOf(service), "INSERT INTO octogauge.of_the_next_version VALUES (1)");
  const instance = await startInstance({ MIGRATIONS: "wait" }, urlOf(service));
  expect((await post(instance.webhook, "ping", { zen: "Two roles." })).status).toBe(202);
  const count = async () => (await samples(instance, "github_events_total")).filter((line) => line.includes('event="ping"'));
  await drained(instance, async () => (await count()).length > 0);
  await expect(rowsOf(urlOf(service), "CREATE TABLE octogauge.its_own (id int)")).rejects.toThrow(/permission denied/);
  await expect(rowsOf(urlOf(service), "DROP TABLE octogauge.inbox")).rejects.toThrow(/must be owner/);
}

const migrateAs = (server: Server, user: string) => migrateDatabase(loadConfig(testEnvironment(server.urlOf(user))));

it("SECURITY.md's two roles: one migrates, and the other serves without the right to create", async () => {
  const server = onServer();
  const [before, after] = AT_ONCE.split(/^\\connect .*$/m);
  await server.run(inject("serverUrl"), before!);
  await server.run(server.urlOf(), after!);
  expect(await migrateAs(server, server.migrator)).not.toEqual([]);
  await serves(server);
});

it("an installation with one role can add the second", async () => {
  const server = onServer();
  await server.run(
    inject("serverUrl"),
    "CREATE ROLE octogauge LOGIN PASSWORD '…';\nCREATE DATABASE octogauge OWNER octogauge;\nCREATE ROLE octogauge_migrate LOGIN PASSWORD '…';",
  );
  await migrateAs(server, server.service);
  await server.run(server.urlOf(), LATER);
  expect(await migrateAs(server, server.migrator)).toEqual([]);
  await serves(server);
});
