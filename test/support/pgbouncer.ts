import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { onTestFinished } from "vitest";
import { freePort } from "./replica.js";
import { LIMIT_MS } from "./wait.js";

/** PgBouncer refuses to run as root. */
const NOBODY_UID = 65_534;

export const hasPgBouncer = spawnSync("pgbouncer", ["--version"], { env: { PATH: `${process.env["PATH"]}:/usr/sbin` } }).status === 0;

/**
 * Starts a PgBouncer in transaction mode in front of a server.
 * @param server connections per database
 * @param settings additional configuration lines
 * @returns the same URL through PgBouncer
 */
export async function throughPgBouncer(databaseUrl: string, connections: number, settings = ""): Promise<string> {
  const [server, port] = [new URL(databaseUrl), await freePort()];
  const directory = mkdtempSync(join(tmpdir(), "octogauge-pgbouncer-"));
  chmodSync(directory, 0o755);
  const file = join(directory, "pgbouncer.ini");
  writeFileSync(
    file,
    `[databases]
* = host=${server.hostname} port=${server.port} user=${decodeURIComponent(server.username)} password='${decodeURIComponent(server.password)}'
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = ${connections}
max_client_conn = 200
${settings}
`,
  );
  const child = spawn("pgbouncer", ["-q", file], {
    env: { PATH: `${process.env["PATH"]}:/usr/sbin` },
    stdio: ["ignore", "ignore", "pipe"],
    ...(process.getuid?.() === 0 ? { uid: NOBODY_UID, gid: NOBODY_UID } : {}),
  });
  let output = "";
  child.stderr.on("data", (data: Buffer) => (output += data.toString()));
  onTestFinished(() => stop(child, directory));
  const url = new URL(databaseUrl);
  url.port = String(port);
  const probe = settings.includes("client_tls_sslmode") ? { ssl: { rejectUnauthorized: false } } : {};
  await answers(url.href, probe, () => `PgBouncer (exit code ${child.exitCode}) output: ${output}`);
  return url.href;
}

async function answers(url: string, options: pg.ClientConfig, explain: () => string): Promise<void> {
  for (const until = performance.now() + LIMIT_MS; ;) {
    const client = new pg.Client({ connectionString: url, ...options });
    try {
      await client.connect();
      await client.end();
      return;
    } catch (error) {
      if (performance.now() > until) throw new Error(explain(), { cause: error });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function stop(child: ChildProcess, directory: string): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
  rmSync(directory, { recursive: true, force: true });
}
