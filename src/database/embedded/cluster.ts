import { randomBytes } from "node:crypto";
import { access, lchown, mkdir, open, readdir, rename, rm, rmdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import type { Binaries } from "./binaries.js";
import type { Placement } from "./placement.js";
import { runTool } from "./run-as.js";

/** The only user of a new cluster, and the name of Octogauge's database. */
export const DATABASE_USER = "octogauge";

/** Whether the cluster exists. An incomplete one of an interrupted initdb never gets this name. */
export async function hasCluster({ cluster }: Placement): Promise<boolean> {
  return access(join(cluster, "global", "pg_control")).then(
    () => true,
    () => false,
  );
}

/** Removes the drafts that interrupted first starts left beside the cluster. */
async function clearDrafts({ home, cluster }: Placement): Promise<void> {
  const prefix = `${basename(cluster)}.draft-`;
  for (const name of await readdir(home)) {
    // An orphaned initdb may still write; it fails once its files are gone.
    if (name.startsWith(prefix)) {
      await rm(join(home, name), { recursive: true, force: true, maxRetries: 5 });
    }
  }
}

/** Frees the name of the cluster. Files found there are renamed, never deleted. */
async function moveAside(placement: Placement, log: (line: string) => void): Promise<void> {
  await rmdir(placement.cluster).catch(() => undefined);
  const aside = `${placement.cluster}.unusable-${Date.now()}`;
  try {
    await rename(placement.cluster, aside);
    log(`${placement.cluster} holds no complete database; it is kept as ${aside}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  await directory.sync().finally(() => directory.close());
}

/**
 * Creates the cluster. An interrupted start leaves no incomplete cluster.
 * @throws Error with the output of initdb
 */
export async function createCluster(
  placement: Placement,
  { initdb }: Binaries,
  password: string,
  log: (line: string) => void,
): Promise<void> {
  const { home, cluster, runAs } = placement;
  await clearDrafts(placement);
  await moveAside(placement, log);
  const draft = `${cluster}.draft-${randomBytes(6).toString("hex")}`;
  const passwordFile = `${draft}.password`;
  try {
    await mkdir(draft, { mode: 0o700 });
    await writeFile(passwordFile, `${password}\n`, { flag: "wx", mode: 0o600 });
    if (runAs !== null) {
      await lchown(draft, runAs.uid, runAs.gid);
      await lchown(passwordFile, runAs.uid, runAs.gid);
    }
    const options = ["--encoding=UTF8", "--locale=C", "--auth=scram-sha-256"];
    const identity = [`--username=${DATABASE_USER}`, `--pwfile=${passwordFile}`];
    await runTool(initdb, ["-D", draft, ...identity, ...options], runAs);
    await rename(draft, cluster);
    await syncDirectory(home);
  } catch (error) {
    await rm(draft, { recursive: true, force: true, maxRetries: 5 });
    const why = (error as Error).message;
    const advice = "start Octogauge as a user that is in /etc/passwd, or set DATABASE_URL";
    const hint = why.includes("could not look up effective user ID") ? advice : "correct this, or set DATABASE_URL";
    throw new Error(`cannot create a database in ${home}: ${why}; ${hint}`, { cause: error });
  } finally {
    await rm(passwordFile, { force: true });
  }
}

/**
 * Sets a new password in a stopped cluster, where the old one is lost.
 * @throws Error with the output of the server program
 */
export async function resetPassword({ cluster, runAs }: Placement, { postgres }: Binaries, password: string): Promise<void> {
  const command = `ALTER ROLE ${DATABASE_USER} PASSWORD '${password}'\n`;
  await runTool(postgres, ["--single", "-D", cluster, "postgres"], runAs, command);
}
