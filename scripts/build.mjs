// Compiles src/ and migrations/ into dist/. With --if-changed, only if the sources changed since the last build.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";

const STAMP = "dist/.sources";
const SOURCES = ["src", "migrations", "package-lock.json", "tsconfig.json", "tsconfig.build.json"];

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

function filesOf(path) {
  const entries = readdirSync(".", { withFileTypes: true }).find(({ name }) => name === path);
  if (!entries?.isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => `${entry.parentPath ?? entry.path}/${entry.name}`);
}

function hashOfSources() {
  const hash = createHash("sha256");
  for (const file of SOURCES.flatMap(filesOf).sort()) hash.update(file).update("\0").update(readFileSync(file));
  return hash.digest("hex");
}

function compiler() {
  try {
    return createRequire(import.meta.url).resolve("typescript/bin/tsc");
  } catch {
    console.error(
      "Cannot build: TypeScript is not installed. With NODE_ENV=production or --omit=dev, npm does not install development packages.\n" +
        "Run `npm ci --include=dev` and start again, or use the container image, which needs no build.",
    );
    process.exit(1);
  }
}

const hash = hashOfSources();
if (process.argv.includes("--if-changed") && existsSync(STAMP) && readFileSync(STAMP, "utf8") === hash) process.exit(0);
const tsc = compiler();
if (process.argv.includes("--if-changed")) console.log("building…");
rmSync("dist", { recursive: true, force: true });
const { status } = spawnSync(process.execPath, [tsc, "-p", "tsconfig.build.json"], { stdio: "inherit" });
if (status !== 0) process.exit(status ?? 1);
writeFileSync(STAMP, hash);
