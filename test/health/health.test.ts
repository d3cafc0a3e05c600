import { migrations } from "../../migrations/index.js";
import { describe, expect, it } from "vitest";
import { freshDatabase, rowsOf } from "../support/database.js";
import { post, startInstance, type TestInstance } from "../support/octogauge.js";

const get = async (instance: TestInstance, path: string) => {
  const answer = await fetch(`${instance.managementUrl}${path}`);
  return { status: answer.status, body: (await answer.json()) as { status: string; details?: Record<string, Record<string, unknown>> } };
};

describe("health", () => {
  it("shows live, ready and details", async () => {
    const instance = await startInstance();
    expect(await get(instance, "/health/live")).toEqual({ status: 200, body: { status: "ok" } });
    expect((await get(instance, "/health/ready")).status).toBe(200);
    const all = await get(instance, "/health");
    expect(all.body.details).toMatchObject({
      process: { mode: "standalone" },
      database: { status: "up" },
      inbox: { oldestPendingSeconds: 0 },
    });
  });

  it("is unready but live during a database outage, and ready again after it", async () => {
    const instance = await startInstance();
    const name = new URL(instance.databaseUrl).pathname.slice(1);
    const onServer = instance.databaseUrl.replace(name, "postgres");
    await rowsOf(onServer, `ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await rowsOf(onServer, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
    const ready = await get(instance, "/health/ready");
    expect([ready.status, ready.body.status]).toEqual([503, "error"]);
    expect((await get(instance, "/health/live")).status).toBe(200);
    await rowsOf(onServer, `ALTER DATABASE ${name} ALLOW_CONNECTIONS true`);
    await expect.poll(async () => (await get(instance, "/health/ready")).status).toBe(200);
  });

  it("is unready while the database is read-only", async () => {
    const instance = await startInstance({ MODE: "gateway" });
    const name = new URL(instance.databaseUrl).pathname.slice(1);
    const reconnect = () =>
      rowsOf(
        instance.databaseUrl,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
        [name],
      );
    await rowsOf(instance.databaseUrl, `ALTER DATABASE ${name} SET default_transaction_read_only = on`);
    await reconnect();
    await expect.poll(async () => (await get(instance, "/health/ready")).status).toBe(503);
    expect((await get(instance, "/health/live")).status).toBe(200);
    await rowsOf(instance.databaseUrl, `BEGIN READ WRITE; ALTER DATABASE ${name} RESET default_transaction_read_only; COMMIT`);
    await reconnect();
    await expect.poll(async () => (await get(instance, "/health/ready")).status).toBe(200);
  });

  it("is unready if the database answers but cannot store, and its check leaves no row", async () => {
    const instance = await startInstance({ MODE: "gateway" });
    await rowsOf(instance.databaseUrl, "ALTER TABLE octogauge.payload_packs ALTER COLUMN bytes TYPE oid USING 0");
    expect((await get(instance, "/health/ready")).status).toBe(200);
    expect((await post(instance.webhook, "star", {})).status).toBe(503);
    expect((await get(instance, "/health/ready")).status).toBe(503);
    expect((await get(instance, "/health/live")).status).toBe(200);
    await rowsOf(instance.databaseUrl, "ALTER TABLE octogauge.payload_packs ALTER COLUMN bytes TYPE bytea USING ''");
    expect((await get(instance, "/health/ready")).status).toBe(200);
    expect(await rowsOf(instance.databaseUrl, "SELECT FROM octogauge.inbox UNION ALL SELECT FROM octogauge.payload_packs")).toEqual([]);
  });

  it("is unready if the intake function is missing, as after a restore of the tables only, and its check leaves no id", async () => {
    const instance = await startInstance({ MODE: "gateway" });
    await rowsOf(instance.databaseUrl, "ALTER FUNCTION octogauge.accept_deliveries RENAME TO away");
    expect((await post(instance.webhook, "star", {})).status).toBe(503);
    expect((await get(instance, "/health/ready")).status).toBe(503);
    await rowsOf(instance.databaseUrl, "ALTER FUNCTION octogauge.away RENAME TO accept_deliveries");
    expect((await get(instance, "/health/ready")).status).toBe(200);
    expect(await rowsOf(instance.databaseUrl, "SELECT FROM octogauge.delivery_ledger")).toEqual([]);
    expect((await post(instance.webhook, "star", {})).status).toBe(202);
  });

  it("is unready while the schema is older than the build", async () => {
    const instance = await startInstance();
    await rowsOf(instance.databaseUrl, "DELETE FROM octogauge.migrations");
    const ready = await get(instance, "/health/ready");
    expect(ready.status).toBe(503);
    expect(ready.body.details?.["database"]).toMatchObject({
      status: "down",
      missing: migrations.map(({ name }) => name),
    });
  });

  it.each([
    ["worker", 503],
    ["gateway", 200],
  ])("with an old backlog a %s answers %i", async (mode, status) => {
    const instance = await startInstance({ MODE: mode, READY_MAX_PENDING_AGE: "60", POLL_INTERVAL: "60" });
    const ready = async () => (await get(instance, "/health/ready")).status;
    await expect.poll(ready).toBe(200);
    const { default: pg } = await import("pg");
    const holder = new pg.Client({ connectionString: instance.databaseUrl });
    await holder.connect();
    await holder.query(
      "INSERT INTO octogauge.inbox (priority, delivery_id, event, received_at, form, payload) VALUES (0, gen_random_uuid(), 'ping', now() - interval '2 minutes', false, '')",
    );
    // A lock on these rows makes the worker's claim skip them.
    await holder.query("BEGIN; SELECT FROM octogauge.inbox FOR UPDATE");
    expect(await ready()).toBe(status);
    await holder.end();
  });

  it("waits for the migrations if it must not run them itself", async () => {
    const url = await freshDatabase({ migrated: false });
    const waiting = startInstance({ MIGRATIONS: "wait" }, url);
    const migrating = await startInstance({ MIGRATIONS: "run" }, url);
    expect((await get(await waiting, "/health/ready")).status).toBe(200);
    expect((await get(migrating, "/health/ready")).status).toBe(200);
  });
});
