import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What the address of a Unix socket holds: 107 bytes on Linux, 103 on macOS. */
const MOST_BYTES = 103;
/** Room for the name of a socket in the directory. */
const NAME_BYTES = 24;

/** A directory by a path that has room for the name of a Unix socket. */
export interface ShortPath {
  readonly path: string;
  /** Where it is a link, the link goes. */
  remove(): Promise<void>;
}

/** The directory's own path, or where that is too long a link to it in a private temporary directory. */
export async function shortPathTo(directory: string): Promise<ShortPath> {
  if (Buffer.byteLength(directory) + NAME_BYTES <= MOST_BYTES) return { path: directory, remove: () => Promise.resolve() };
  const base = Buffer.byteLength(tmpdir()) <= 40 ? tmpdir() : "/tmp";
  const home = await mkdtemp(join(base, "octogauge-"));
  const path = join(home, "d");
  await symlink(directory, path);
  return { path, remove: () => rm(home, { recursive: true, force: true }) };
}
