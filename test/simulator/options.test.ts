import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "commander";
import { expect, it, onTestFinished } from "vitest";
import { type SimulateFlags, simulationOptions, withSimulateOptions } from "../../src/cli/simulate-options.js";

const optionsOf = (environment: Record<string, string>, ...args: string[]) =>
  simulationOptions(withSimulateOptions(new Command()).parse(args, { from: "user" }).opts<SimulateFlags>(), environment);

it("the secret comes from the command line, the variable, its file, or is generated", () => {
  const directory = mkdtempSync(join(tmpdir(), "octogauge-simulate-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const file = join(directory, "secret");
  writeFileSync(file, "from the file, the one before\n");
  writeFileSync(join(directory, "webhook-secret"), "generated\n");
  const environment = { DATA_DIR: directory, GITHUB_WEBHOOK_SECRET_FILE: file, METRICS_TOKEN_FILE: file };
  expect(optionsOf(environment)).toMatchObject({ secret: "from the file", checkToken: "from the file" });
  expect(optionsOf({ ...environment, GITHUB_WEBHOOK_SECRET: "mine,old" }).secret).toBe("mine");
  expect(optionsOf(environment, "--secret", "said").secret).toBe("said");
  expect(optionsOf({ DATA_DIR: directory }).secret).toBe("generated");
  expect(() => optionsOf({ DATA_DIR: tmpdir() })).toThrow("no webhook secret");
});
