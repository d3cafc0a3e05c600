import { randomBytes } from "node:crypto";
import { chmod, copyFile, lstat, mkdir, readFile, readdir, rename, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { ensureTrustedDirectory, isTrustedDirectory } from "./safe-files.js";

const ABANDONED_AFTER_MS = 3_600_000;

/** The programs that Octogauge runs, relative to the package. */
export const PROGRAMS = ["native/bin/initdb", "native/bin/postgres"] as const;

/** An installed package with PostgreSQL programs for this platform. */
export interface PlatformPackage {
  /** The directory of package.json. The programs are under native/bin. */
  readonly root: string;
  /** Names the build: PostgreSQL version, platform and architecture. */
  readonly build: string;
}

interface Link {
  /** The library that the link points to. */
  readonly source: string;
  /** Path of the link. */
  readonly target: string;
}

async function restoreLink(root: string, { source, target }: Link): Promise<void> {
  const link = join(root, target);
  if (await stat(link).catch(() => null)) return;
  await rm(link, { force: true });
  try {
    await symlink(relative(dirname(target), source), link);
  } catch (error) {
    // Another process has just restored the link.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}

/**
 * Restores the symbolic links of the libraries and the execute bits of the programs. npm packages carry no links, and
 * the install script may have been blocked.
 * @throws NodeJS.ErrnoException where something is missing and `root` is not writable
 */
export async function repairNativeTree(root: string): Promise<void> {
  const links = await readFile(join(root, "native/pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const link of JSON.parse(links) as Link[]) await restoreLink(root, link);
  for (const program of PROGRAMS) {
    const { mode } = await stat(join(root, program));
    if ((mode & 0o111) !== 0o111) await chmod(join(root, program), 0o755);
  }
}

/** Directories for copies, in order of preference. Each user has its own; all users share that of root. */
function cacheDirectories(): string[] {
  const uid = process.getuid?.() ?? 0;
  // Any user can create the first name before root does; only root can create the second.
  if (uid === 0) return ["/var/tmp/octogauge", "/var/lib/octogauge/programs"];
  return [...new Set(["/var/tmp", tmpdir()])].map((parent) => join(parent, `octogauge-${uid}`));
}

async function copyTree(from: string, to: string): Promise<void> {
  await mkdir(to);
  await chmod(to, 0o755);
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory()) await copyTree(source, target);
    // repairNativeTree restores the links.
    if (!entry.isFile()) continue;
    await copyFile(source, target);
    await chmod(target, 0o644);
  }
}

/** Whether every file is still there. Cleaners of temporary directories remove old files. */
async function isComplete(from: string, to: string): Promise<boolean> {
  for (const entry of await readdir(from, { withFileTypes: true })) {
    const source = join(from, entry.name);
    const target = join(to, entry.name);
    if (entry.isDirectory() && !(await isComplete(source, target))) return false;
    if (!entry.isFile()) continue;
    const [wanted, found] = await Promise.all([lstat(source), lstat(target).catch(() => null)]);
    if (wanted.size !== found?.size) return false;
  }
  return true;
}

/** Removes the drafts of interrupted copies. */
async function removeAbandonedDrafts(cache: string, build: string): Promise<void> {
  for (const name of await readdir(cache)) {
    if (!name.startsWith(`${build}.`)) continue;
    const draft = join(cache, name);
    const found = await lstat(draft).catch(() => null);
    if (found === null || Date.now() - found.mtimeMs < ABANDONED_AFTER_MS) continue;
    await rm(draft, { recursive: true, force: true });
  }
}

async function copyInto({ root, build }: PlatformPackage, cache: string): Promise<string> {
  await ensureTrustedDirectory(cache, 0o755);
  const final = join(cache, build);
  const isValid = async (): Promise<boolean> =>
    (await isTrustedDirectory(final)) && (await isComplete(join(root, "native"), join(final, "native")));
  if (!(await isValid())) {
    await removeAbandonedDrafts(cache, build);
    const draft = `${final}.${randomBytes(6).toString("hex")}`;
    try {
      await mkdir(draft);
      await chmod(draft, 0o755);
      await copyTree(join(root, "native"), join(draft, "native"));
      await repairNativeTree(draft);
      // Keep a valid copy that another process may have made in the meantime and may be using.
      if (!(await isValid())) await rename(final, `${draft}.old`).catch(() => undefined);
      await rename(draft, final).catch(async (error: unknown) => {
        if (!(await isValid())) throw error;
      });
    } finally {
      await rm(draft, { recursive: true, force: true });
      await rm(`${draft}.old`, { recursive: true, force: true });
    }
  }
  await repairNativeTree(final);
  return final;
}

/**
 * Copies the programs to a directory that every user can read, or reuses an earlier copy. A copy that another user may
 * have written is never reused.
 * @returns the root of the copy
 * @throws AggregateError where no directory can hold the copy
 */
export async function copyNativeTree(
  found: PlatformPackage,
  isUsable: (root: string) => Promise<void>,
  caches: readonly string[] = cacheDirectories(),
): Promise<string> {
  const refusals: Error[] = [];
  for (const cache of caches) {
    try {
      const root = await copyInto(found, cache);
      await isUsable(root);
      return root;
    } catch (error) {
      refusals.push(error as Error);
    }
  }
  const reasons = refusals.map(({ message }) => message).join("; ");
  throw new AggregateError(refusals, `the bundled PostgreSQL cannot be used here (${reasons}); set DATABASE_URL`);
}
