import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, rename, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { shortPathTo } from "./short-path.js";

const PREFIX = "alive-";
const nameOf = (id: string): string => `${PREFIX}${id}`;

/** A Unix socket that listens as long as its process lives. */
export interface Beacon {
  readonly id: string;
  putOut(): Promise<void>;
}

/**
 * Shows that this process lives to all processes that can reach the directory, in other containers too, where its number
 * means nothing. The kernel ends it with the process: there is no heartbeat, and a process that is only paused still counts.
 * @throws Error where the file system has no sockets
 */
export async function lightBeacon(directory: string): Promise<Beacon> {
  const id = randomBytes(6).toString("hex");
  const path = join(directory, nameOf(id));
  const short = await shortPathTo(directory);
  const server = createServer((socket) => socket.destroy());
  server.unref();
  try {
    const draft = `new-${id}`;
    await once(server.listen(join(short.path, draft)), "listening");
    // Under its own name only while it listens: what refuses a connection under that name is dead.
    await rename(join(directory, draft), path);
  } catch (error) {
    server.close();
    const why = (error as Error).message;
    throw new Error(`${directory} keeps no Unix sockets (${why}); choose a DATA_DIR on another file system, or set DATABASE_URL`, {
      cause: error,
    });
  } finally {
    await short.remove();
  }
  const putOut = async (): Promise<void> => {
    await rm(path, { force: true });
    server.close();
  };
  return { id, putOut };
}

/** Whether the process that lit it still lives. */
export const isLit = (directory: string, id: string): Promise<boolean> => isListening(directory, nameOf(id));

/** Whether a process listens at that Unix socket. One that is too busy to answer, or not ours to ask, does. */
export async function isListening(directory: string, name: string): Promise<boolean> {
  const short = await shortPathTo(directory);
  const socket = connect(join(short.path, name));
  try {
    await once(socket, "connect");
    return true;
  } catch (error) {
    return !["ECONNREFUSED", "ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "");
  } finally {
    socket.destroy();
    await short.remove();
  }
}

/** Removes what killed processes left. */
export async function clearBeacons(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(PREFIX) && !(await isListening(directory, name))) await rm(join(directory, name), { force: true });
  }
}
