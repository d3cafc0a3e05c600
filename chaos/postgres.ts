import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import pg from "pg";
import { prepareBinaries } from "../src/database/embedded/binaries.js";
import { startEmbeddedPostgres } from "../src/database/embedded/embedded-postgres.js";
import { choosePlacement, type Placement, prepareDataDir } from "../src/database/embedded/placement.js";
import { postgresEnvironment, spawnIds } from "../src/database/embedded/run-as.js";
import { atExit } from "./cleanup.js";
import { freePort, sleep, until } from "./waiting.js";

const START_SECONDS = 30;
const LOG_CHARACTERS = 20_000;
const SHUTDOWN = { fast: "SIGINT", immediate: "SIGQUIT" } as const;

/** The roles of the stage: Octogauge's, with minimal rights, and other users of the server. */
export const SERVICE = { name: "service", password: randomBytes(12).toString("hex") };
export const CROWD = { name: "crowd", password: randomBytes(12).toString("hex") };

/** A real PostgreSQL with default durability and a fixed port, which cases can kill, stop and starve. It restarts after a crash. */
export class ChaosPostgres {
  #child: ChildProcess | undefined;
  #wanted = false;
  #log = "";
  #crashes = 0;
  #sawFullDisk = false;
  #forget: () => void = () => undefined;

  private constructor(
    private readonly placement: Placement,
    private readonly program: string,
    readonly port: number,
    private readonly password: string,
    private readonly settings: Readonly<Record<string, string>>,
  ) {}

  /** Creates a cluster in the directory, with a database and an ordinary role for Octogauge, and starts it. */
  static async create(directory: string, settings: Readonly<Record<string, string>> = {}): Promise<ChaosPostgres> {
    const embedded = await startEmbeddedPostgres({ dataDir: directory });
    await embedded.stop();
    const placement = await choosePlacement(await prepareDataDir(directory), () => undefined);
    const { postgres } = await prepareBinaries(placement.runAs, () => undefined);
    const server = new ChaosPostgres(placement, postgres, await freePort(), new URL(embedded.url).password, settings);
    await server.start();
    for (const { name, password } of [SERVICE, CROWD]) await server.query(`CREATE ROLE ${name} LOGIN PASSWORD '${password}'`);
    await server.query(`CREATE DATABASE chaos OWNER ${SERVICE.name}`);
    await server.query("CREATE TABLE writable (at timestamptz)");
    return server;
  }

  /** The URL for a role of the stage, with the port of a proxy if there is one. */
  urlOf(role: { readonly name: string; readonly password: string }, port = this.port): string {
    return `postgres://${role.name}:${role.password}@127.0.0.1:${port}/chaos`;
  }

  get log(): string {
    return this.#log;
  }

  /** True if PostgreSQL has logged that the disk is full. */
  get sawFullDisk(): boolean {
    return this.#sawFullDisk;
  }

  /** Number of crashes. */
  get crashes(): number {
    return this.#crashes;
  }

  /** Starts PostgreSQL and waits until it answers. */
  async start(): Promise<void> {
    this.#wanted = true;
    this.#spawn();
    await until("PostgreSQL answers", START_SECONDS, () => this.#answers());
  }

  async stop(how: keyof typeof SHUTDOWN = "fast"): Promise<void> {
    this.#wanted = false;
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(SHUTDOWN[how]);
    await ended;
    this.#forget();
  }

  /** Sends a signal to the postmaster first, then to all of its processes. */
  signalAll(signal: NodeJS.Signals): void {
    const postmaster = this.#child?.pid;
    if (!postmaster) return;
    for (const pid of [postmaster, ...childrenOf(postmaster)]) process.kill(pid, signal);
  }

  /** Runs a query as superuser on a new direct connection, without the proxy. */
  async query<Row extends pg.QueryResultRow>(text: string, values: unknown[] = [], database = "postgres"): Promise<Row[]> {
    const client = await this.connect(database);
    try {
      return (await client.query<Row>(text, values)).rows;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  async connect(database = "postgres"): Promise<pg.Client> {
    const { port, password } = this;
    const client = new pg.Client({ host: "127.0.0.1", port, user: "octogauge", password, database, connectionTimeoutMillis: 5_000 });
    client.on("error", () => undefined);
    await client.connect();
    return client;
  }

  /** Waits until a write is committed. */
  async writable(seconds = START_SECONDS): Promise<void> {
    const write = () => this.query("INSERT INTO writable VALUES (now())");
    await until("PostgreSQL commits a write", seconds, () =>
      write().then(
        () => true,
        () => false,
      ),
    );
  }

  /** Terminates all connections of Octogauge. */
  async dropConnections(): Promise<void> {
    await this.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1", [SERVICE.name]);
  }

  #keep(text: string): void {
    this.#log = (this.#log + text).slice(-LOG_CHARACTERS);
    this.#sawFullDisk ||= this.#log.includes("No space left on device");
  }

  #spawn(): void {
    const fixed = { listen_addresses: "127.0.0.1", unix_socket_directories: "", port: String(this.port), max_connections: "100" };
    const all = Object.entries({ ...fixed, timezone: "UTC", ...this.settings });
    const child = spawn(this.program, ["-D", this.placement.cluster, ...all.flatMap(([name, value]) => ["-c", `${name}=${value}`])], {
      cwd: "/",
      env: postgresEnvironment(),
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      ...spawnIds(this.placement.runAs),
    });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on("data", (data: Buffer) => this.#keep(data.toString()));
    }
    this.#forget = atExit(() => {
      child.kill("SIGCONT");
      child.kill("SIGQUIT");
    });
    // Restart like a supervisor: after a crash because of a full disk, the server starts when there is space again.
    child.once("exit", () => {
      this.#forget();
      if (!this.#wanted || this.#child !== child) return;
      this.#crashes += 1;
      void sleep(250).then(() => this.#wanted && this.#child === child && this.#spawn());
    });
  }

  async #answers(): Promise<boolean> {
    return this.query("SELECT 1").then(
      () => true,
      () => false,
    );
  }
}

/** proc(5): the parent is the second field after the command in parentheses. */
function childrenOf(parent: number): number[] {
  const parentOf = (pid: string): number => {
    try {
      return Number(readFileSync(`/proc/${pid}/stat`, "utf8").split(") ").at(-1)?.split(" ")[1]);
    } catch {
      return 0;
    }
  };
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number);
}
