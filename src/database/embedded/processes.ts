import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 25;
const FAST_MS = 30_000;
const IMMEDIATE_MS = 10_000;

/** A process that can be told apart from a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it started, as an opaque text; null where the system does not say. */
  readonly startedAt: string | null;
}

function readProc(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}

function askPs(pid: number, column: string): string | null {
  try {
    const output = execFileSync("ps", ["-ww", "-o", `${column}=`, "-p", String(pid)], {
      encoding: "utf8",
      env: { PATH: process.env["PATH"], TZ: "UTC", LC_ALL: "C" },
      stdio: ["ignore", "pipe", "ignore"],
    });
    return output.trim() || null;
  } catch {
    return null;
  }
}

function exists(pid: number): boolean {
  // 0 and negative numbers address process groups, never one process.
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The living process with that number, or null; a zombie counts as dead. */
export function identify(pid: number): ProcessIdentity | null {
  if (!exists(pid)) return null;
  if (process.platform !== "linux") return { pid, startedAt: askPs(pid, "lstart") };
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === null) return exists(pid) ? { pid, startedAt: null } : null;
  // The command name may hold spaces and brackets, so count from its closing one.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return null;
  // Start ticks count from boot, so they only mean something together with the boot.
  const boot = readProc("/proc/sys/kernel/random/boot_id")?.trim() ?? "boot";
  return { pid, startedAt: `${boot}:${fields[19] ?? ""}` };
}

/** Whether that very process still lives, and not a later one with its number. */
export function isLiving(known: ProcessIdentity): boolean {
  const found = identify(known.pid);
  if (found === null) return false;
  if (known.startedAt === null || found.startedAt === null) return true;
  return known.startedAt === found.startedAt;
}

/** This process. */
export function ownIdentity(): ProcessIdentity {
  return identify(process.pid) ?? { pid: process.pid, startedAt: null };
}

function userOf(pid: number): number | null {
  if (process.platform !== "linux") return Number(askPs(pid, "uid") ?? NaN) >>> 0;
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? null;
}

/**
 * Whether `pid` is the main server process of the cluster in that directory.
 * Reads the command line rather than the working directory, which a container's
 * root may not read of another user's process.
 * @param uid its user; a process of another one only pretends to be it
 */
export function isPostmasterOf(pid: number, clusterDir: string, uid?: number): boolean {
  if (identify(pid) === null) return false;
  if (uid !== undefined && userOf(pid) !== uid) return false;
  if (process.platform !== "linux") {
    return askPs(pid, "command")?.includes(`postgres -D ${clusterDir} `) ?? false;
  }
  const args = (readProc(`/proc/${pid}/cmdline`) ?? "").split("\0");
  return basename(args[0] ?? "") === "postgres" && args[1] === "-D" && args[2] === clusterDir;
}

async function waitUntil(hasEnded: () => boolean, limitMs: number): Promise<boolean> {
  const deadline = Date.now() + limitMs;
  while (!hasEnded()) {
    if (Date.now() > deadline) return false;
    await sleep(POLL_MS);
  }
  return true;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

/**
 * Stops a main server process: first an orderly "fast" shutdown for up to 30 s, then an
 * "immediate" one, which loses nothing committed.
 * @throws Error when it survives both.
 */
export async function terminateServer(pid: number, hasEnded: () => boolean): Promise<void> {
  if (hasEnded()) return;
  signal(pid, "SIGINT");
  if (await waitUntil(hasEnded, FAST_MS)) return;
  signal(pid, "SIGQUIT");
  if (await waitUntil(hasEnded, IMMEDIATE_MS)) return;
  throw new Error(`PostgreSQL (pid ${pid}) does not stop`);
}
