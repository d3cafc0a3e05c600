import { open, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { isListening } from "./beacon.js";
import type { Placement } from "./placement.js";
import { identify, isPostmasterOf, terminateServer } from "./processes.js";
import { readPlainFile } from "./safe-files.js";

const SOCKET = /^\.s\.PGSQL\.\d+$/;

const readPidFile = (cluster: string): Promise<string | null> => readPlainFile(join(cluster, "postmaster.pid"));

/** The number of the main server process that runs on this cluster now, or null. */
async function findPostmaster({ cluster, runAs }: Placement): Promise<number | null> {
  const pid = Number.parseInt((await readPidFile(cluster)) ?? "", 10);
  return isPostmasterOf(pid, cluster, runAs?.uid) ? pid : null;
}

/**
 * Replaces a process number that now belongs to a stranger by our own, which PostgreSQL
 * knows to be its parent's and no server's. The rest of the file stays, because it
 * lets PostgreSQL notice sessions that outlived their main process.
 */
async function disownPidFile({ cluster, runAs }: Placement, text: string): Promise<void> {
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
 * Removes the sockets of servers that are gone, with their lock files.
 * @throws Error where one still listens: its process is in another container, or it would have been stopped
 */
async function clearSockets({ cluster }: Placement): Promise<void> {
  for (const name of (await readdir(cluster).catch(() => [])).filter((name) => SOCKET.test(name))) {
    if (await isListening(cluster, name)) {
      throw new Error(
        `a PostgreSQL that cannot be seen from here, such as one in another container, runs on ${cluster}; ` +
          "stop it, or give this Octogauge another DATA_DIR or a DATABASE_URL",
      );
    }
    await rm(join(cluster, `${name}.lock`), { force: true });
    await rm(join(cluster, name), { force: true });
  }
}

/**
 * Clears the way for a new server: stops one that outlived its owner, and disarms a
 * pid file whose number another program has by now.
 * @throws Error when the old server does not stop, or cannot be seen.
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
  const stranger = Math.abs(Number.parseInt(text, 10));
  if (identify(stranger) !== null) await disownPidFile(placement, text);
}
