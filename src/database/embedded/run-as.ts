import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile, realpath, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";

const KEPT_OUTPUT = 4_000;

/** The ordinary user that runs the server where this process is root. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
  /** For messages: the name of the user, or its number. */
  readonly name: string;
}

/** Whether this process has the rights of root. */
export function isRoot(): boolean {
  return process.getuid?.() === 0;
}

/** Spawn options for this user. Node takes ids as signed 32-bit numbers. */
export function spawnIds(runAs: RunAs | null): { uid?: number; gid?: number } {
  return runAs === null ? {} : { uid: runAs.uid | 0, gid: runAs.gid | 0 };
}

/**
 * Reads the user `nobody` from /etc/passwd.
 * @throws Error where it is missing
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
      "start Octogauge as another user, or set DATABASE_URL",
  );
}

async function grants(path: string, runAs: RunAs, wanted: number): Promise<boolean> {
  const { mode, uid, gid } = await stat(path);
  const shift = uid === runAs.uid ? 6 : gid === runAs.gid ? 3 : 0;
  return ((mode >> shift) & wanted) === wanted;
}

/**
 * Whether this user may pass through every directory down to `path`, and has the wanted rights there (4 read, 2 write,
 * 1 execute or pass).
 */
export async function canReach(path: string, runAs: RunAs, wanted = 1): Promise<boolean> {
  const real = await realpath(path);
  if (!(await grants(real, runAs, wanted))) return false;
  for (let below = real, dir = dirname(real); dir !== below; below = dir, dir = dirname(dir)) {
    if (!(await grants(dir, runAs, 1))) return false;
  }
  return true;
}

/** Variables of the program loader and of libfaketime, so that the server has the same clock as this process. */
const PASSED_ON = /^(LD_PRELOAD|FAKETIME|FAKETIME_DONT_FAKE_MONOTONIC|DONT_FAKE_MONOTONIC)$/;

/**
 * The environment of every PostgreSQL program. It holds no secrets of Octogauge, and no PG* or locale variables that
 * would change the behaviour of the program.
 */
export function postgresEnvironment(): NodeJS.ProcessEnv {
  const loader = Object.entries(process.env).filter(([name]) => PASSED_ON.test(name));
  return { ...Object.fromEntries(loader), PATH: process.env["PATH"], LC_ALL: "C", TZ: "UTC" };
}

/**
 * Runs a program to its end as this user, with `input` on its standard input.
 * @throws Error with the end of its output where it fails or cannot start
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
    // A program may end without reading its input. Its exit code reports the reason.
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
