import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Longest address of a Unix socket: 107 bytes on Linux, 103 on macOS. */
const MAX_ADDRESS_BYTES = 103;
/** Room for the name of a socket in the directory. */
const NAME_BYTES = 24;

/** A path of a directory that is short enough for the address of a Unix socket in it. */
export interface ShortPath {
  readonly path: string;
  /** Removes the link, if the path is one. */
  remove(): Promise<void>;
}

/** The path of the directory, or, if it is too long, a link to it in a private temporary directory. */
export async function shortPathTo(directory: string): Promise<ShortPath> {
  if (Buffer.byteLength(directory) + NAME_BYTES <= MAX_ADDRESS_BYTES) return { path: directory, remove: () => Promise.resolve() };
  const base = Buffer.byteLength(tmpdir()) <= 40 ? tmpdir() : "/tmp";
  const home = await mkdtemp(join(base, "octogauge-"));
  const path = join(home, "d");
  await symlink(directory, path);
  return { path, remove: () => rm(home, { recursive: true, force: true }) };
}
