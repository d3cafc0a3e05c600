import { execFile, spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";
import { COUNTERS, GAUGES, HISTOGRAMS } from "../../src/counters/catalogue.js";

const directory = fileURLToPath(new URL("../../deploy/prometheus/", import.meta.url));
const promtool = (...args: string[]) => promisify(execFile)("promtool", args, { cwd: directory });
const hasPromtool = spawnSync("promtool", ["--version"]).status === 0;

if (!hasPromtool)
  console.warn("\n*** SKIPPED: promtool is not installed (Debian package prometheus), the alert rules were not tried ***\n");

it("the alert rules speak of metrics that exist", () => {
  const rules = readFileSync(`${directory}octogauge.rules.yml`, "utf8");
  const names = new Set(Object.values({ ...COUNTERS, ...GAUGES, ...HISTOGRAMS }).map(({ name }) => name));
  const used = rules
    .split("\n")
    .filter((line) => line.includes("expr:"))
    .flatMap((line) => line.match(/(?:octogauge|github)_\w+/g) ?? []);
  expect(used.length).toBeGreaterThan(3);
  expect(used.filter((name) => !names.has(name))).toEqual([]);
});

it.skipIf(!hasPromtool)("the alert rules are valid, and fire when they should", async () => {
  expect((await promtool("check", "rules", "octogauge.rules.yml")).stdout).toContain("SUCCESS");
  expect((await promtool("test", "rules", "octogauge.rules.test.yml")).stdout).toContain("SUCCESS");
});
