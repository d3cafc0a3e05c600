import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import pg from "pg";
import { createDataSource } from "../../src/database/data-source.js";
import { startEmbeddedPostgres } from "../../src/database/embedded/embedded-postgres.js";
import { migrate } from "../../src/database/migrate.js";

declare module "vitest" {
  export interface ProvidedContext {
    /** The server that all test files share. Each test has its own databases. */
    serverUrl: string;
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** One PostgreSQL for the run, with a migrated template that test files clone. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dataDir = mkdtempSync(join(tmpdir(), "octogauge-test-"));
  // If root starts it, the server runs as an unprivileged user, so this path must be accessible.
  chmodSync(dataDir, 0o755);
  // Most tests do not need durability. Tests that do start their own server.
  // TCP, so that tests can put a proxy in between.
  const loopbackPort = await freePort();
  const server = await startEmbeddedPostgres({ dataDir, loopbackPort, settings: { fsync: "off", max_connections: "300" } });
  const serverUrl = Object.assign(new URL(server.url), { hostname: "127.0.0.1" }).href;
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query("CREATE DATABASE octogauge_template");
  await client.end();
  const template = new URL(serverUrl);
  template.pathname = "/octogauge_template";
  const dataSource = createDataSource({ DATABASE_URL: template.href, DATABASE_POOL_SIZE: 3, DATABASE_CONNECT_TIMEOUT: 5 }, () => undefined);
  await dataSource.initialize();
  await migrate(dataSource);
  await dataSource.destroy();
  project.provide("serverUrl", serverUrl);
  return async () => {
    await server.stop();
    rmSync(dataDir, { recursive: true, force: true });
    if (server.dataDir !== dataDir) rmSync(server.dataDir, { recursive: true, force: true });
  };
}
