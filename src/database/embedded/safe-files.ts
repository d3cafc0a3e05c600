import { randomBytes } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, chmod, lstat, mkdir, open, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isRoot } from "./run-as.js";

const TRUNCATE_ABOVE_BYTES = 10 * 1024 * 1024;
const TAIL_BYTES = 4_096;
const TAIL_LINES = 15;
const STICKY = 0o1000;

/** Whether `path` is a real directory of this user, and no other user can write into it or replace it. */
export async function isTrustedDirectory(path: string): Promise<boolean> {
  try {
    const [found, parent] = await Promise.all([lstat(path), stat(dirname(path))]);
    const uid = process.getuid?.();
    const parentIsSafe = (parent.uid === 0 || parent.uid === uid) && ((parent.mode & 0o022) === 0 || (parent.mode & STICKY) !== 0);
    return parentIsSafe && found.isDirectory() && found.uid === uid && (found.mode & 0o022) === 0;
  } catch {
    return false;
  }
}

/**
 * Creates `path` if it is missing, and gives it at least the rights of `mode`.
 * @throws Error where another user owns it or may write into it
 */
export async function ensureTrustedDirectory(path: string, mode: number): Promise<void> {
  await mkdir(path, { recursive: true, mode });
  if (!(await isTrustedDirectory(path))) {
    throw new Error(`${path} belongs to another user, or other users can write to it; remove it`);
  }
  // A strict umask, of this start or of an interrupted one, removes rights.
  const { mode: found } = await lstat(path);
  if ((found & mode) !== mode) await chmod(path, (found | mode) & 0o7777);
}

/**
 * Reads a small regular file. Another user may have replaced it by a link or a pipe.
 * @returns null where the file is missing
 * @throws Error where it is not a regular file, or this user may not read it
 */
export async function readPlainFile(path: string): Promise<string | null> {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  try {
    const file = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
    try {
      if (!(await file.stat()).isFile()) throw new Error(`${path} is not a file; remove it`);
      return await file.readFile("utf8");
    } finally {
      await file.close();
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    throw code === "ELOOP" ? new Error(`${path} is a link; remove it`, { cause: error }) : error;
  }
}

/** Where root writes the file, the owner of the directory gets it, and can read it later. */
async function giveToOwnerOf(directory: string, file: FileHandle): Promise<void> {
  if (!isRoot()) return;
  const { uid, gid } = await stat(directory);
  await file.chown(uid, gid);
}

/**
 * Writes a file that only the owner of its directory may read. After a crash it holds either the old or the new text.
 */
export async function writePrivateFile(path: string, text: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString("hex")}`;
  try {
    const file = await open(draft, "wx", 0o600);
    try {
      await giveToOwnerOf(dirname(path), file);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } finally {
    await rm(draft, { force: true });
  }
}

/** The server's log of one start. */
export interface ServerLog {
  readonly path: string;
  /** File descriptor for the server's output. */
  readonly fd: number;
  /** The last lines written since this start. */
  tail(): Promise<string>;
  close(): Promise<void>;
}

async function readTail(file: FileHandle, from: number): Promise<string> {
  const { size } = await file.stat();
  const start = Math.max(from, size - TAIL_BYTES);
  const { buffer, bytesRead } = await file.read(Buffer.alloc(TAIL_BYTES), 0, TAIL_BYTES, start);
  const lines = buffer.toString("utf8", 0, bytesRead).trim().split("\n");
  return lines.slice(-TAIL_LINES).join("\n");
}

/** Opens `<dataDir>/postgres.log` at its end, emptied first if it is above 10 MiB. */
export async function openServerLog(dataDir: string): Promise<ServerLog> {
  const path = join(dataDir, "postgres.log");
  const { O_RDWR, O_CREAT, O_APPEND, O_NOFOLLOW } = constants;
  const file = await open(path, O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW, 0o600);
  await giveToOwnerOf(dataDir, file);
  if ((await file.stat()).size > TRUNCATE_ABOVE_BYTES) await file.truncate(0);
  const from = (await file.stat()).size;
  return { path, fd: file.fd, tail: () => readTail(file, from), close: () => file.close() };
}
