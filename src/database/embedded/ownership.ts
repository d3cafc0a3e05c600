import { randomBytes } from "node:crypto";
import { readFile, readlink, rm, symlink } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type ProcessIdentity, isLiving, ownIdentity } from "./processes.js";
import { writePrivateFile } from "./safe-files.js";

const RETRY_MS = 50;
const PATIENCE_MS = 180_000;

/** What is known of a database between runs; each part may be missing. */
export interface EmbeddedState {
  readonly password: string | null;
  /** The port of the last start. */
  readonly port: number | null;
  /** The process that started the server and has not stopped it. */
  readonly owner: ProcessIdentity | null;
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
 * @throws NodeJS.ErrnoException when the file may not be read.
 */
export async function readState(dataDir: string): Promise<EmbeddedState> {
  const text = await readFile(statePath(dataDir), "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const { port, password, ownerPid, ownerStartedAt } = parseObject(text);
  const startedAt = typeof ownerStartedAt === "string" ? ownerStartedAt : null;
  return {
    port: typeof port === "number" ? port : null,
    password: typeof password === "string" && password !== "" ? password : null,
    owner: typeof ownerPid === "number" ? { pid: ownerPid, startedAt } : null,
  };
}

/** Replaces the state. */
export async function writeState(dataDir: string, state: EmbeddedState): Promise<void> {
  const { port, password, owner } = state;
  const fields = { port, password, ownerPid: owner?.pid, ownerStartedAt: owner?.startedAt };
  await writePrivateFile(statePath(dataDir), `${JSON.stringify(fields, null, 2)}\n`);
}

/** The owner if it still runs. */
export function livingOwner({ owner }: EmbeddedState): ProcessIdentity | null {
  return owner !== null && isLiving(owner) ? owner : null;
}

interface Holder extends ProcessIdentity {
  readonly nonce: string;
}

async function readHolder(path: string): Promise<Holder | null> {
  const { pid, startedAt, nonce } = parseObject(await readlink(path).catch(() => ""));
  if (typeof pid !== "number" || typeof nonce !== "string") return null;
  return { pid, startedAt: typeof startedAt === "string" ? startedAt : null, nonce };
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

async function withLock<T>(path: string, deadline: number, work: () => Promise<T>): Promise<T> {
  const own: Holder = { ...ownIdentity(), nonce: randomBytes(6).toString("hex") };
  while (!(await tryAcquire(path, own))) {
    const holder = await readHolder(path);
    if (holder !== null && !isLiving(holder)) {
      // One at a time, and only that very lock: a rival may have replaced it meanwhile.
      await withLock(`${path}.${holder.nonce}`, deadline, async () => {
        if ((await readHolder(path))?.nonce === holder.nonce) await rm(path);
      });
      continue;
    }
    if (Date.now() > deadline) {
      throw new Error(`process ${holder?.pid ?? "?"} does not finish starting the database; if there is none, remove ${path}`);
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
export async function withStartLock<T>(dataDir: string, work: () => Promise<T>): Promise<T> {
  return withLock(join(dataDir, "embedded.lock"), Date.now() + PATIENCE_MS, work);
}
