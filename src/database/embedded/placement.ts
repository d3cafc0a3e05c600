import { createHash } from "node:crypto";
import { access, chmod, mkdir, realpath, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type RunAs, canReach, isRoot, lookUpNobody } from "./run-as.js";
import { ensureTrustedDirectory } from "./safe-files.js";

const SYSTEM_HOME = "/var/lib/octogauge";

/** Where the database files are, and whose they are. */
export interface Placement {
  /** The directory that holds the cluster. */
  readonly home: string;
  readonly cluster: string;
  readonly runAs: RunAs | null;
}

/**
 * Creates the data directory unless it is there; root's lets others pass, not look.
 * @returns its real absolute path.
 * @throws Error when it cannot be created or belongs to another user.
 */
export async function prepareDataDir(dataDir: string): Promise<string> {
  const path = resolve(dataDir);
  const mode = isRoot() ? 0o711 : 0o700;
  try {
    const created = await mkdir(path, { recursive: true, mode });
    if (created !== undefined && isRoot()) {
      // Root's umask must not shut the server's user out of what was created here.
      for (let dir = path; ; dir = dirname(dir)) {
        await chmod(dir, dir === path ? mode : 0o755);
        if (dir === created) break;
      }
    }
    await access(path, 7);
  } catch (error) {
    const why = (error as Error).message;
    throw new Error(`cannot keep a database in ${path} (${why}); choose another DATA_DIR, or set DATABASE_URL`, { cause: error });
  }
  return realpath(path);
}

function placeIn(home: string, runAs: RunAs | null): Placement {
  return { home, cluster: join(home, "postgres"), runAs };
}

async function clusterOwner(home: string): Promise<RunAs | null> {
  const cluster = placeIn(home, null).cluster;
  const found = await stat(join(cluster, "PG_VERSION")).catch(() => null);
  if (found === null || found.uid === 0) return null;
  return { uid: found.uid, gid: found.gid, name: `number ${found.uid}` };
}

/**
 * Decides where the database of a data directory lives and which user serves it.
 * An existing one stays where it is, with its owner: a changed mode of some parent
 * directory must never lead to a new, empty database.
 * @throws Error when root has no ordinary user for it, or that user cannot reach it.
 */
export async function choosePlacement(dataDir: string, log: (line: string) => void): Promise<Placement> {
  if (!isRoot()) return placeIn(dataDir, null);
  const owner = await clusterOwner(dataDir);
  if (owner !== null) {
    if (await canReach(dataDir, owner)) return placeIn(dataDir, owner);
    throw new Error(
      `the database in ${dataDir} belongs to user ${owner.name}, who cannot pass through ` +
        'every directory above it; run "chmod o+x" on those, or set DATABASE_URL',
    );
  }
  const name = createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
  const elsewhere = join(SYSTEM_HOME, name);
  const relocatedOwner = await clusterOwner(elsewhere);
  const runAs = relocatedOwner ?? (await lookUpNobody());
  if (relocatedOwner === null && (await canReach(dataDir, runAs))) return placeIn(dataDir, runAs);
  try {
    await ensureTrustedDirectory(SYSTEM_HOME, 0o711);
    await ensureTrustedDirectory(elsewhere, 0o711);
  } catch (error) {
    throw new Error(
      `user ${runAs.name} cannot reach ${dataDir}, and ${elsewhere} cannot be used instead ` +
        `(${(error as Error).message}); choose another DATA_DIR, or set DATABASE_URL`,
      { cause: error },
    );
  }
  log(
    `database files are in ${elsewhere}, because PostgreSQL refuses to run as root and ` +
      `user ${runAs.name}, who runs it instead, cannot reach ${dataDir}`,
  );
  return placeIn(elsewhere, runAs);
}
