import { readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Beacon, clearBeacons, isLit } from "./beacon.js";
import { type ProcessIdentity, isLiving, ownIdentity } from "./processes.js";
import { readPlainFile, writePrivateFile } from "./safe-files.js";

const RETRY_MS = 50;
const PATIENCE_MS = 180_000;

/** A process that takes part. Its number is for messages: in another container it means nothing. */
export interface Owner extends ProcessIdentity {
  /** Its beacon; null in what an older version wrote. */
  readonly beacon: string | null;
}

/** What is known of a database between runs; each part may be missing. */
export interface EmbeddedState {
  readonly password: string | null;
  /** In the name of the server's socket. */
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
 * Reads the state; one that is absent or unreadable as JSON is empty.
 * @throws Error when the file may not be read, or is a link.
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

/** Replaces the state. */
export async function writeState(dataDir: string, state: EmbeddedState): Promise<void> {
  const { port, password, owner } = state;
  const fields = { port, password, ownerPid: owner?.pid, ownerStartedAt: owner?.startedAt, ownerBeacon: owner?.beacon };
  await writePrivateFile(statePath(dataDir), `${JSON.stringify(fields, null, 2)}\n`);
}

/** The owner if it still runs. */
export async function livingOwner(dataDir: string, { owner }: EmbeddedState): Promise<Owner | null> {
  return owner !== null && (await lives(dataDir, owner)) ? owner : null;
}

async function lives(dataDir: string, { beacon, ...identity }: Owner): Promise<boolean> {
  return beacon === null ? isLiving(identity) : isLit(dataDir, beacon);
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
    // Unlike a file, a link appears together with its text.
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
    if (holder !== null && !(await lives(dataDir, holder))) {
      // One at a time, and only that very lock: a rival may have replaced it.
      await withLock(dataDir, `${name}.${holder.nonce}`, beacon, deadline, async () => {
        if ((await readHolder(path))?.nonce === holder.nonce) await rm(path);
      });
      continue;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `another Octogauge (pid ${holder?.pid ?? "?"}) does not finish starting the database; if there is none, remove ${path}`,
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
 * Runs `work` while no other start procedure runs for the same directory.
 * @throws Error when another living process holds the lock for three minutes.
 */
export async function withStartLock<T>(dataDir: string, beacon: Beacon, work: () => Promise<T>): Promise<T> {
  return withLock(dataDir, "embedded.lock", beacon, Date.now() + PATIENCE_MS, async () => {
    await clearBeacons(dataDir);
    return work();
  });
}
