import { createHash } from "node:crypto";
import { access, chmod, lstat, mkdir, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { type RunAs, canReach, isRoot, lookUpNobody } from "./run-as.js";
import { ensureTrustedDirectory } from "./safe-files.js";

const SYSTEM_HOME = "/var/lib/octogauge";

/** Where the database files are, and which user runs the server. */
export interface Placement {
  /** The directory that holds the cluster. */
  readonly home: string;
  readonly cluster: string;
  readonly runAs: RunAs | null;
}

/**
 * Creates the data directory if it is missing. Where root creates it, others may pass through it but not list it.
 * @returns its real absolute path
 * @throws Error where the directory cannot be created or belongs to another user
 */
export async function prepareDataDir(dataDir: string): Promise<string> {
  const path = resolve(dataDir);
  const mode = isRoot() ? 0o711 : 0o700;
  try {
    const created = await mkdir(path, { recursive: true, mode });
    if (created !== undefined && isRoot()) {
      // With the umask of root, the user of the server might not reach the new directories.
      for (let dir = path; ; dir = dirname(dir)) {
        await chmod(dir, dir === path ? mode : 0o755);
        if (dir === created) break;
      }
    }
    await access(path, 7);
  } catch (error) {
    const why = (error as Error).message;
    throw new Error(`cannot store a database in ${path} (${why}); choose another DATA_DIR, or set DATABASE_URL`, { cause: error });
  }
  return realpath(path);
}

function placeIn(home: string, runAs: RunAs | null): Placement {
  return { home, cluster: join(home, "postgres"), runAs };
}

/**
 * The owner of a cluster, from files that only the owner or root can have written. null where there is no cluster.
 * @throws Error where another user may have written them
 */
async function clusterOwner(home: string): Promise<RunAs | null> {
  const { cluster } = placeIn(home, null);
  const version = join(cluster, "PG_VERSION");
  const [homeStat, directory, file] = await Promise.all([home, cluster, version].map((path) => lstat(path).catch(() => null)));
  if (!homeStat || !directory || !file) return null;
  for (const [path, found] of [[cluster, directory] as const, [version, file] as const])
    if (found.isSymbolicLink()) throw untrusted(home, `${path} is a link`);
  if ((homeStat.mode & 0o022) !== 0) throw untrusted(home, "other users can write to it");
  if (file.uid !== directory.uid || (homeStat.uid !== 0 && homeStat.uid !== directory.uid))
    throw untrusted(home, "the directory and its files belong to different users");
  return file.uid === 0 ? null : { uid: file.uid, gid: file.gid, name: `number ${file.uid}` };
}

const untrusted = (home: string, why: string): Error =>
  new Error(
    `the database in ${home} is not trusted, because Octogauge runs as root and ${why}; ` +
      "start Octogauge as the owner of the database, correct the directory, or set DATABASE_URL",
  );

/** The user that runs the server: the owner of the directory, or `nobody` where root owns it. The owner could replace the files anyway. */
async function ordinaryUserOf(home: string): Promise<RunAs> {
  const { uid, gid } = await lstat(home);
  return uid === 0 ? lookUpNobody() : { uid, gid, name: `number ${uid}` };
}

/**
 * Decides where the database files are and which user runs the server. An existing database keeps its place and owner,
 * so that a changed mode of a parent directory never leads to a new, empty database.
 * @throws Error where root finds no ordinary user, or that user cannot access the directory
 */
export async function choosePlacement(dataDir: string, log: (line: string) => void): Promise<Placement> {
  if (!isRoot()) return placeIn(dataDir, null);
  const owner = await clusterOwner(dataDir);
  if (owner !== null) {
    if (await canReach(dataDir, owner)) return placeIn(dataDir, owner);
    throw new Error(
      `the database in ${dataDir} belongs to user ${owner.name}, but this user cannot pass through ` +
        'all directories above it; run "chmod o+x" on them, or set DATABASE_URL',
    );
  }
  const name = createHash("sha256").update(dataDir).digest("hex").slice(0, 12);
  const relocatedHome = join(SYSTEM_HOME, name);
  const relocatedOwner = await clusterOwner(relocatedHome);
  const runAs = relocatedOwner ?? (await ordinaryUserOf(dataDir));
  if (relocatedOwner === null && (await canReach(dataDir, runAs))) return placeIn(dataDir, runAs);
  try {
    await ensureTrustedDirectory(SYSTEM_HOME, 0o711);
    await ensureTrustedDirectory(relocatedHome, 0o711);
  } catch (error) {
    throw new Error(
      `user ${runAs.name} cannot access ${dataDir}, and ${relocatedHome} cannot be used instead ` +
        `(${(error as Error).message}); choose another DATA_DIR, or set DATABASE_URL`,
      { cause: error },
    );
  }
  log(
    `database files are in ${relocatedHome}: PostgreSQL refuses to run as root, so user ${runAs.name} runs it, ` +
      `and this user cannot access ${dataDir}`,
  );
  return placeIn(relocatedHome, runAs);
}
