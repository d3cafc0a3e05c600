import { execFileSync } from "node:child_process";
import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 25;
const FAST_MS = 30_000;
const IMMEDIATE_MS = 10_000;

/** Identifies a process. A later process with the same pid has another start time. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time as opaque text; null where the system does not report it. */
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
  // 0 and negative numbers mean process groups.
  if (!Number.isSafeInteger(pid) || pid <= 0) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}

/** The living process with this pid, or null. A zombie counts as dead. */
export function identify(pid: number): ProcessIdentity | null {
  if (!exists(pid)) return null;
  if (process.platform !== "linux") return { pid, startedAt: askPs(pid, "lstart") };
  const stat = readProc(`/proc/${pid}/stat`);
  if (stat === null) return exists(pid) ? { pid, startedAt: null } : null;
  // The command name may contain spaces and brackets, so count fields after its last closing bracket.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields[0] === "Z" || fields[0] === "X") return null;
  // Start ticks count from boot, so the boot id belongs to them.
  const boot = readProc("/proc/sys/kernel/random/boot_id")?.trim() ?? "boot";
  return { pid, startedAt: `${boot}:${fields[19] ?? ""}` };
}

/** Whether this process still lives. A later process with the same pid does not count. */
export function isLiving(known: ProcessIdentity): boolean {
  const found = identify(known.pid);
  if (found === null) return false;
  if (known.startedAt === null || found.startedAt === null) return true;
  return known.startedAt === found.startedAt;
}

export function ownIdentity(): ProcessIdentity {
  return identify(process.pid) ?? { pid: process.pid, startedAt: null };
}

function userOf(pid: number): number | null {
  if (process.platform !== "linux") return Number(askPs(pid, "uid") ?? NaN) >>> 0;
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? null;
}

/**
 * Whether `pid` is the main server process of the cluster in this directory. Reads the command line, because root in a
 * container may not read the working directory of another user's process.
 * @param uid the expected user; a process of another user may imitate the command line
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
 * Stops a main server process: first a "fast" shutdown for up to 30 s, then an "immediate" one, which loses no
 * committed data.
 * @throws Error where the process still runs after both
 */
export async function terminateServer(pid: number, hasEnded: () => boolean): Promise<void> {
  if (hasEnded()) return;
  signal(pid, "SIGINT");
  if (await waitUntil(hasEnded, FAST_MS)) return;
  signal(pid, "SIGQUIT");
  if (await waitUntil(hasEnded, IMMEDIATE_MS)) return;
  throw new Error(`PostgreSQL (pid ${pid}) does not stop`);
}
