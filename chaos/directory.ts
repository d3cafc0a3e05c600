import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { atExit } from "./cleanup.js";

export interface Directory {
  readonly path: string;
  remove(): void;
}

/** A directory of the suite's own; with a size it is a file system of its own, in a file, for which it takes root and Linux. */
export function makeDirectory(mebibytes?: number): Directory {
  const home = mkdtempSync(join(tmpdir(), "octogauge-chaos-"));
  // Started by root, the server runs as nobody, who must be able to get here.
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
  // Nothing reserved: full is full, for every user.
  run("mkfs.ext4", "-q", "-F", "-m", "0", file);
  run("mount", "-o", "loop", file, on);
  run("rmdir", join(on, "lost+found"));
  chmodSync(on, 0o755);
}

/** Whether this user may mount a file as a file system; the reason if not. */
export function whyNoMount(): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "octogauge-chaos-mount-"));
  const on = join(directory, "mounted");
  mkdirSync(on);
  try {
    mountFile(join(directory, "disk"), on, 8);
    run("umount", on);
    return undefined;
  } catch (error) {
    return `no file system of its own can be mounted here (${error instanceof Error ? error.message.split("\n")[0] : String(error)})`;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function run(program: string, ...args: string[]): void {
  execFileSync(program, args, { stdio: ["ignore", "ignore", "pipe"] });
}
