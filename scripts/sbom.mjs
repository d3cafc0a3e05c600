#!/usr/bin/env node
// Prints a CycloneDX SBOM of what the image holds: every package of the lock file that neither development alone nor an option needs.
// `npm sbom --omit` leaves out more than that (npm 11: pg, @nestjs/core), so everything is listed and what is not shipped is taken out here.
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
