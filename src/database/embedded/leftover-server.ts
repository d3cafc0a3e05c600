import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isListening } from "./beacon.js";
import type { Placement } from "./placement.js";
import { identify, isPostmasterOf, terminateServer } from "./processes.js";
import { readPlainFile } from "./safe-files.js";

const SOCKET = /^\.s\.PGSQL\.\d+$/;

const readPidFile = (cluster: string): Promise<string | null> => readPlainFile(join(cluster, "postmaster.pid"));

/** The pid of the main server process of this cluster, or null where none runs. */
async function findPostmaster({ cluster, runAs }: Placement): Promise<number | null> {
  const pid = Number.parseInt((await readPidFile(cluster)) ?? "", 10);
  return isPostmasterOf(pid, cluster, runAs?.uid) ? pid : null;
}

/**
 * Replaces a pid that another program has now by the pid of this process, which PostgreSQL accepts as its parent. The
 * rest of the file stays: PostgreSQL uses it to detect sessions that outlived their main process.
 */
async function replacePid({ cluster, runAs }: Placement, text: string): Promise<void> {
  const path = join(cluster, "postmaster.pid");
  await rm(path);
  const file = await open(path, "wx", 0o600);
  try {
    await file.writeFile(text.replace(/^-?\d+/, String(process.pid)));
    if (runAs !== null) await file.chown(runAs.uid, runAs.gid);
  } finally {
    await file.close();
  }
}

/**
 * Removes the sockets and lock files of stopped servers.
 * @throws Error where a server still listens; its process must be in another container
 */
async function clearSockets({ cluster }: Placement): Promise<void> {
  for (const name of (await readdir(cluster).catch(() => [])).filter((name) => SOCKET.test(name))) {
    if (await isListening(cluster, name)) {
      throw new Error(
        `a PostgreSQL that this process cannot see, such as one in another container, runs on ${cluster}; ` +
          "stop it, or set another DATA_DIR or a DATABASE_URL for this Octogauge",
      );
    }
    await rm(join(cluster, `${name}.lock`), { force: true });
    await rm(join(cluster, name), { force: true });
  }
}

/**
 * Prepares the cluster for a new server. Stops a server that outlived its owner, and corrects a pid file whose pid
 * another program has now.
 * @throws Error where the old server does not stop, or this process cannot see it
 */
export async function stopLeftoverServer(placement: Placement, log: (line: string) => void): Promise<void> {
  const pid = await findPostmaster(placement);
  if (pid !== null) {
    log(`stopping the PostgreSQL (pid ${pid}) that an earlier Octogauge left behind`);
    await terminateServer(pid, () => !isPostmasterOf(pid, placement.cluster, placement.runAs?.uid));
    return;
  }
  await clearSockets(placement);
  const text = await readPidFile(placement.cluster);
  if (text === null) return;
  const pidInFile = Math.abs(Number.parseInt(text, 10));
  if (identify(pidInFile) !== null) await replacePid(placement, text);
}
