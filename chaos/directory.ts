import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "./cleanup.js";

export interface Directory {
  readonly path: string;
  remove(): void;
}

/** A temporary directory. With a size, it is a separate file system in a file, which needs root and Linux. */
export function makeDirectory(mebibytes?: number): Directory {
  const home = mkdtempSync(join(tmpdir(), "octogauge-chaos-"));
  // Started by root, the server runs as user "nobody", which needs access.
  chmodSync(home, 0o755);
  const path = join(home, "data");
  mkdirSync(path);
  if (mebibytes !== undefined) mountFile(join(home, "disk"), path, mebibytes);
  const remove = () => {
    forget();
    if (mebibytes !== undefined) run("umount", "--lazy", path);
    rmSync(home, { recursive: true, force: true, maxRetries: 5 });
  };
  const forget = atExit(remove);
  return { path, remove };
}

function mountFile(file: string, on: string, mebibytes: number): void {
  run("truncate", "-s", `${mebibytes}M`, file);
  // No reserved blocks, so that the disk is full for every user.
  run("mkfs.ext4", "-q", "-F", "-m", "0", file);
  run("mount", "-o", "loop", file, on);
  run("rmdir", join(on, "lost+found"));
  chmodSync(on, 0o755);
}

/** The reason if this user cannot mount a file as file system; undefined if it can. */
export function whyNoMount(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "octogauge-chaos-mount-"));
  const on = join(directory, "mounted");
  mkdirSync(on);
  try {
    mountFile(join(directory, "disk"), on, 8);
    run("umount", on);
    return undefined;
  } catch (error) {
    return `cannot mount a separate file system here (${error instanceof Error ? error.message.split("\n")[0] : String(error)})`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
}
