import { open, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Placement } from "./placement.js";
import { identify, isPostmasterOf, terminateServer } from "./processes.js";

async function readPidFile(cluster: string): Promise<string | null> {
  return readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => null);
}

/** The number of the main server process that runs on this cluster now, or null. */
export async function findPostmaster({ cluster }: Placement): Promise<number | null> {
  const pid = Number.parseInt((await readPidFile(cluster)) ?? "", 10);
  return isPostmasterOf(pid, cluster) ? pid : null;
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
 * Clears the way for a new server: stops one that outlived its owner, and disarms a
 * pid file whose number another program has by now.
 * @throws Error when the old server does not stop.
 */
export async function stopLeftoverServer(placement: Placement, log: (line: string) => void): Promise<void> {
  const pid = await findPostmaster(placement);
  if (pid !== null) {
    log(`stopping the PostgreSQL (pid ${pid}) that an earlier Octogauge left behind`);
    await terminateServer(pid, () => !isPostmasterOf(pid, placement.cluster));
    return;
  }
  const text = await readPidFile(placement.cluster);
  if (text === null) return;
  const stranger = Math.abs(Number.parseInt(text, 10));
  if (identify(stranger) !== null) await disownPidFile(placement, text);
}
