import { createHash } from "node:crypto";
import { access, chmod, lstat, mkdir, realpath } from "node:fs/promises";
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

/**
 * The owner of a cluster, as root may believe it: of files that the owner alone, or root, can have put there.
 * @throws Error where another user may have planted what is there
 */
async function clusterOwner(home: string): Promise<RunAs | null> {
  const { cluster } = placeIn(home, null);
  const version = join(cluster, "PG_VERSION");
  const [house, directory, file] = await Promise.all([home, cluster, version].map((path) => lstat(path).catch(() => null)));
  if (!house || !directory || !file) return null;
  for (const [path, found] of [[cluster, directory] as const, [version, file] as const])
    if (found.isSymbolicLink()) throw untrusted(home, `${path} is a link`);
  if ((house.mode & 0o022) !== 0) throw untrusted(home, "it is writable by others");
  if (file.uid !== directory.uid || (house.uid !== 0 && house.uid !== directory.uid))
    throw untrusted(home, "it and what is in it belong to different users");
  return file.uid === 0 ? null : { uid: file.uid, gid: file.gid, name: `number ${file.uid}` };
}

const untrusted = (home: string, why: string): Error =>
  new Error(
    `the database in ${home} is not trusted, since Octogauge was started by root and ${why}; ` +
      "start it as the user whose database it is, mend the directory, or set DATABASE_URL",
  );

/** An ordinary owner of the directory runs the server as well: what another user's process writes there, the owner could replace. */
async function ordinaryUserOf(home: string): Promise<RunAs> {
  const { uid, gid } = await lstat(home);
  return uid === 0 ? lookUpNobody() : { uid, gid, name: `number ${uid}` };
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
  const runAs = relocatedOwner ?? (await ordinaryUserOf(dataDir));
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
