import { readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Beacon, clearBeacons, isBeaconAlive } from "./beacon.js";
import { type ProcessIdentity, isLiving, ownIdentity } from "./processes.js";
import { readPlainFile, writePrivateFile } from "./safe-files.js";

const RETRY_MS = 50;
const LOCK_TIMEOUT_MS = 180_000;

/** A process that uses the data directory. Its pid is for messages only, because it is not valid in another container. */
export interface Owner extends ProcessIdentity {
  /** The id of its beacon; null where an older version wrote the file. */
  readonly beacon: string | null;
}

/** State of the embedded database that survives a restart. Each field may be missing. */
export interface EmbeddedState {
  readonly password: string | null;
  /** Part of the name of the server's socket. */
  readonly port: number | null;
  /** The process that started the server and has not stopped it. */
  readonly owner: Owner | null;
}

function statePath(dataDir: string): string {
  return join(dataDir, "embedded.json");
}

function parseObject(text: string): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(text);
    return typeof parsed === "object" && parsed !== null ? { ...parsed } : {};
  } catch {
    return {};
  }
}

/**
 * Reads the state. A missing file, or one that is not JSON, gives an empty state.
 * @throws Error where the file is a link, or this user may not read it
 */
export async function readState(dataDir: string): Promise<EmbeddedState> {
  const { port, password, ownerPid, ownerStartedAt, ownerBeacon } = parseObject((await readPlainFile(statePath(dataDir))) ?? "");
  const startedAt = typeof ownerStartedAt === "string" ? ownerStartedAt : null;
  const beacon = typeof ownerBeacon === "string" ? ownerBeacon : null;
  return {
    port: typeof port === "number" ? port : null,
    password: typeof password === "string" && password !== "" ? password : null,
    owner: typeof ownerPid === "number" ? { pid: ownerPid, startedAt, beacon } : null,
  };
}

export async function writeState(dataDir: string, state: EmbeddedState): Promise<void> {
  const { port, password, owner } = state;
  const fields = { port, password, ownerPid: owner?.pid, ownerStartedAt: owner?.startedAt, ownerBeacon: owner?.beacon };
  await writePrivateFile(statePath(dataDir), `${JSON.stringify(fields, null, 2)}\n`);
}

/** The owner, or null where its process has ended. */
export async function livingOwner(dataDir: string, { owner }: EmbeddedState): Promise<Owner | null> {
  return owner !== null && (await isAlive(dataDir, owner)) ? owner : null;
}

async function isAlive(dataDir: string, { beacon, ...identity }: Owner): Promise<boolean> {
  return beacon === null ? isLiving(identity) : isBeaconAlive(dataDir, beacon);
}

interface Holder extends Owner {
  readonly nonce: string;
}

async function readHolder(path: string): Promise<Holder | null> {
  const { pid, startedAt, nonce, beacon } = parseObject(await readlink(path).catch(() => ""));
  if (typeof pid !== "number" || typeof nonce !== "string") return null;
  return { pid, startedAt: typeof startedAt === "string" ? startedAt : null, nonce, beacon: typeof beacon === "string" ? beacon : null };
}

async function tryAcquire(path: string, holder: Holder): Promise<boolean> {
  try {
    // A link is created together with its text. A file would be empty for a moment.
    await symlink(JSON.stringify(holder), path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function withLock<T>(dataDir: string, name: string, beacon: Beacon, deadline: number, work: () => Promise<T>): Promise<T> {
  const path = join(dataDir, name);
  const own: Holder = { ...ownIdentity(), nonce: beacon.id, beacon: beacon.id };
  while (!(await tryAcquire(path, own))) {
    const holder = await readHolder(path);
    if (holder !== null && !(await isAlive(dataDir, holder))) {
      // Remove the stale lock under a lock of its own, and only if no other process has replaced it.
      await withLock(dataDir, `${name}.${holder.nonce}`, beacon, deadline, async () => {
        if ((await readHolder(path))?.nonce === holder.nonce) await rm(path);
      });
      continue;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `another Octogauge (pid ${holder?.pid ?? "?"}) has not finished starting the database; if no such process runs, remove ${path}`,
      );
    }
    await sleep(RETRY_MS);
  }
  try {
    return await work();
  } finally {
    await rm(path, { force: true });
  }
}

/**
 * Runs `work` under the start lock of the directory.
 * @throws Error where another living process holds the lock for three minutes
 */
export async function withStartLock<T>(dataDir: string, beacon: Beacon, work: () => Promise<T>): Promise<T> {
  return withLock(dataDir, "embedded.lock", beacon, Date.now() + LOCK_TIMEOUT_MS, async () => {
    await clearBeacons(dataDir);
    return work();
  });
}
