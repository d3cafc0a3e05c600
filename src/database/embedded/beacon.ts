import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdir, rename, rm } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { shortPathTo } from "./short-path.js";

const PREFIX = "alive-";
const nameOf = (id: string): string => `${PREFIX}${id}`;

/** A Unix socket that listens while its process lives. */
export interface Beacon {
  readonly id: string;
  close(): Promise<void>;
}

/**
 * Shows to every process with access to the directory, also in other containers, that this process lives. The kernel
 * closes the socket with the process, so it needs no heartbeat, and a paused process still counts as alive.
 * @throws Error where the file system does not support Unix sockets
 */
export async function openBeacon(directory: string): Promise<Beacon> {
  const id = randomBytes(6).toString("hex");
  const path = join(directory, nameOf(id));
  const short = await shortPathTo(directory);
  const server = createServer((socket) => socket.destroy());
  server.unref();
  try {
    const draft = `new-${id}`;
    await once(server.listen(join(short.path, draft)), "listening");
    // The socket gets its final name only once it listens. A socket of that name that refuses connections is dead.
    await rename(join(directory, draft), path);
  } catch (error) {
    server.close();
    const why = (error as Error).message;
    throw new Error(`${directory} does not support Unix sockets (${why}); choose a DATA_DIR on another file system, or set DATABASE_URL`, {
      cause: error,
    });
  } finally {
    await short.remove();
  }
  const close = async (): Promise<void> => {
    await rm(path, { force: true });
    server.close();
  };
  return { id, close };
}

/** Whether the process that opened the beacon still lives. */
export const isBeaconAlive = (directory: string, id: string): Promise<boolean> => isListening(directory, nameOf(id));

/** Whether a process listens on this Unix socket. A busy process, or one that denies access, counts as listening. */
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

/** Removes the beacons of dead processes. */
export async function clearBeacons(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.startsWith(PREFIX) && !(await isListening(directory, name))) await rm(join(directory, name), { force: true });
  }
}
