import { randomBytes } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { loadConfig } from "../src/config/config.js";
import { startEmbeddedPostgres } from "../src/database/embedded/embedded-postgres.js";
import { migrateDatabase } from "../src/database/migrate.js";
import { freePort } from "../chaos/waiting.js";

const TICKS_PER_SECOND = 100;

/** The PostgreSQL server under test, with default durability; creates databases on it. */
export interface BenchServer {
  readonly description: string;
  /** Creates a migrated database. */
  fresh(): Promise<string>;
  /** Copies a database that has no connections. */
  clone(url: string): Promise<string>;
  drop(url: string): Promise<void>;
  /** CPU seconds of all server processes so far; NaN if /proc does not show them. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

/** Uses DATABASE_URL, whose user needs CREATEDB, or starts the embedded server. */
export async function startBenchServer(): Promise<BenchServer> {
  const given = process.env["DATABASE_URL"];
  const dataDir = given ? undefined : mkdtempSync(join(tmpdir(), "octogauge-bench-"));
  const embedded = dataDir ? await startEmbeddedPostgres({ dataDir, loopbackPort: await freePort() }) : undefined;
  // Over TCP, like a separate server.
  const base = given ?? (embedded ? Object.assign(new URL(embedded.url), { hostname: "127.0.0.1" }).href : "");
  const client = new pg.Client({ connectionString: base });
  await client.connect();
  const { rows } = await client.query<{ version: string; fsync: string; commit: string; pid: number }>(
    "SELECT split_part(version(), ' on ', 1) AS version, current_setting('fsync') AS fsync, current_setting('synchronous_commit') AS commit, pg_backend_pid() AS pid",
  );
  const [row] = rows;
  // The parent of a live backend is the postmaster.
  const postmaster = parentOf(row?.pid ?? 0);
  await client.end();
  const named = (name: string) => Object.assign(new URL(base), { pathname: `/${name}` }).href;
  const living = new Set<string>();
  const create = async (template?: string): Promise<string> => {
    const name = `bench_${randomBytes(5).toString("hex")}`;
    await query(base, `CREATE DATABASE ${name} ${template ? `TEMPLATE ${databaseOf(template)}` : ""}`);
    living.add(named(name));
    return named(name);
  };
  const drop = async (url: string): Promise<void> => {
    await query(base, `DROP DATABASE ${databaseOf(url)} WITH (FORCE)`);
    living.delete(url);
  };
  const migrated = await create();
  await migrateDatabase(loadConfig({ DATABASE_URL: migrated, GITHUB_WEBHOOK_SECRET: "unused" }));
  return {
    description: `${row?.version} (${given ? "DATABASE_URL" : "embedded"}), fsync ${row?.fsync}, synchronous_commit ${row?.commit}`,
    fresh: () => create(migrated),
    async clone(url) {
      const copy = await create(url);
      await query(base, "CHECKPOINT");
      return copy;
    },
    async drop(url) {
      await drop(url);
      // Otherwise this measurement's dirty pages would slow down the next one.
      await query(base, "CHECKPOINT");
    },
    cpuSeconds: () => (postmaster ? cpuOfTree(postmaster) : NaN),
    async stop() {
      for (const url of living) await drop(url);
      await embedded?.stop();
      for (const directory of [dataDir, embedded?.dataDir]) if (directory) rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Runs one statement on a new connection. */
export async function query<Row extends pg.QueryResultRow>(url: string, text: string, values: unknown[] = []): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text, values)).rows;
  } finally {
    await client.end();
  }
}

/** Holds a snapshot until the client disconnects, so that vacuum removes no dead rows. */
export async function holdSnapshot(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1");
  return client;
}

const databaseOf = (url: string): string => new URL(url).pathname.slice(1);

function statOf(pid: number): string[] | undefined {
  try {
    // The command in parentheses may contain spaces; the fields after it do not.
    return readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ");
  } catch {
    return undefined;
  }
}

const parentOf = (pid: number): number | undefined => Number(statOf(pid)?.[1]) || undefined;

/** CPU time of the postmaster, its ended children and its live children (proc(5): utime, stime, cutime, cstime). */
function cpuOfTree(root: number): number {
  const ticks = (stat: readonly string[] | undefined, fields: readonly number[]) =>
    fields.reduce((sum, field) => sum + Number(stat?.[field] ?? 0), 0);
  let total = ticks(statOf(root), [11, 12, 13, 14]);
  for (const name of readdirSync("/proc")) {
    const stat = /^\d+$/.test(name) ? statOf(Number(name)) : undefined;
    if (stat && Number(stat[1]) === root) total += ticks(stat, [11, 12]);
  }
  return total / TICKS_PER_SECOND;
}
