#!/usr/bin/env node
// Prints a CycloneDX SBOM of the image: every package of the lock file that is neither for development only nor optional.
// `npm sbom --omit` also omits shipped packages (npm 11: pg, @nestjs/core), so this script filters the full list.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

const root = new URL("..", import.meta.url);
const { packages } = JSON.parse(readFileSync(new URL("package-lock.json", root), "utf8"));
const nameOf = (folder, { name }) => name ?? folder.slice(folder.lastIndexOf("node_modules/") + "node_modules/".length);
const shipped = new Set(
  Object.entries(packages)
    .filter(([folder, { dev, optional, devOptional }]) => folder !== "" && !dev && !optional && !devOptional)
    .map(([folder, entry]) => `${nameOf(folder, entry)}@${entry.version}`),
);

const text = execFileSync("npm", ["sbom", "--package-lock-only", "--sbom-format=cyclonedx"], {
  cwd: root,
  maxBuffer: 2 ** 26,
  encoding: "utf8",
  stdio: ["ignore", "pipe", "ignore"],
});
const bom = JSON.parse(text);
const own = bom.metadata.component["bom-ref"];
const isShipped = (reference) => reference === own || shipped.has(reference);
bom.components = bom.components.filter((component) => isShipped(component["bom-ref"]));
bom.dependencies = bom.dependencies
  .filter(({ ref }) => isShipped(ref))
  .map(({ ref, dependsOn }) => ({ ref, dependsOn: dependsOn.filter(isShipped) }));
console.log(JSON.stringify(bom, null, 2));
