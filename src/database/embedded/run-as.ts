import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";

const KEPT_OUTPUT = 4_000;

/** The ordinary user the server runs as when this process is root. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  /** For messages: a name, or the number of an unnamed user. */
  readonly name: string;
}

/** Whether this process has the rights of root. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Spawn options for that user: Node takes ids as signed 32-bit numbers. */
export function spawnIds(runAs: RunAs | null): { uid?: number; gid?: number } {
  return runAs === null ? {} : { uid: runAs.uid | 0, gid: runAs.gid | 0 };
}

/**
 * Reads the user `nobody` from the system's user list.
 * @throws Error when there is no such ordinary user.
 */
export async function lookUpNobody(passwdFile = "/etc/passwd"): Promise<RunAs> {
  const passwd = await readFile(passwdFile, "utf8").catch(() => "");
  for (const line of passwd.split("\n")) {
    const [name, , uid, gid] = line.split(":");
    // macOS writes the id as -2.
    const ids = { uid: Number(uid) >>> 0, gid: Number(gid) >>> 0 };
    if (name === "nobody" && uid && gid && ids.uid !== 0) return { ...ids, name };
  }
  throw new Error(
    `PostgreSQL refuses to run as root, and ${passwdFile} has no user "nobody" to run it as; ` +
      "start Octogauge as an ordinary user, or set DATABASE_URL",
  );
}

async function grants(path: string, runAs: RunAs, wanted: number): Promise<boolean> {
  const { mode, uid, gid } = await stat(path);
  const shift = uid === runAs.uid ? 6 : gid === runAs.gid ? 3 : 0;
  return ((mode >> shift) & wanted) === wanted;
}

/**
 * Whether that user may pass through every directory down to `path` and has the
 * wanted rights there (4 read, 2 write, 1 execute or pass).
 */
export async function canReach(path: string, runAs: RunAs, wanted = 1): Promise<boolean> {
  const real = await realpath(path);
  if (!(await grants(real, runAs, wanted))) return false;
  for (let below = real, dir = dirname(real); dir !== below; below = dir, dir = dirname(dir)) {
    if (!(await grants(dir, runAs, 1))) return false;
  }
  return true;
}

/** Of the program loader, and of libfaketime, which it may load: the server then has our clock. */
const LOADER = /^(LD_PRELOAD|FAKETIME|FAKETIME_DONT_FAKE_MONOTONIC|DONT_FAKE_MONOTONIC)$/;

/**
 * The environment of every PostgreSQL program: Octogauge's own holds secrets that a
 * long-lived server has no use for, and foreign PG* and locale variables alter it.
 */
export function postgresEnvironment(): NodeJS.ProcessEnv {
  const loader = Object.entries(process.env).filter(([name]) => LOADER.test(name));
  return { ...Object.fromEntries(loader), PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };
}

/**
 * Runs a program to its end as the given user, with `input` on its standard input.
 * @throws Error with the end of its output when it cannot start or fails.
 */
export async function runTool(file: string, args: readonly string[], runAs: RunAs | null, input = ""): Promise<void> {
  const name = basename(file);
  let output = "";
  try {
    const child = spawn(file, args, { cwd: "/", env: postgresEnvironment(), ...spawnIds(runAs) });
    const keep = (chunk: Buffer): void => {
      output = (output + chunk.toString()).slice(-KEPT_OUTPUT);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    // A program that ends without reading says why through its exit code.
    child.stdin.on("error", () => undefined);
    child.stdin.end(input);
    const [code, signal] = (await once(child, "close")) as [number | null, string | null];
    if (code === 0) return;
    output += `\n${name} ended with ${signal ?? `code ${code}`}`;
  } catch (error) {
    const user = runAs === null ? "" : ` as user ${runAs.name}`;
    throw new Error(`cannot run ${file}${user}: ${(error as Error).message}`, { cause: error });
  }
  throw new Error(`${name} failed: ${output.trim()}`);
}
