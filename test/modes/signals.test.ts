import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { freshDatabase } from "../support/database.js";
import { testEnvironment } from "../support/octogauge.js";

const CLI = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));

it.each<[string, () => Promise<string>, Record<string, string>, RegExp]>([
  ["the database", async () => "postgres://u@127.0.0.1:1/x", { DATABASE_CONNECT_TIMEOUT: "10m" }, /waiting up to 600 s/],
  ["the schema", () => freshDatabase({ migrated: false }), { MIGRATIONS: "wait" }, /waiting for \d+ migration/],
  [
    "the schema, as a cluster",
    () => freshDatabase({ migrated: false }),
    { MIGRATIONS: "wait", WEB_CONCURRENCY: "2" },
    /waiting for \d+ mig/,
  ],
])("SIGTERM during the wait for %s ends the process at once with 0", async (_, database, settings, sign) => {
  const env = testEnvironment(await database(), { LOG_LEVEL: "info", DRAIN_TIMEOUT: "5m", ...settings });
  const child = spawn(process.execPath, [CLI, "serve"], { env: { PATH: process.env["PATH"], ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  let output = "";
  await new Promise<void>((resolve) => {
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (data: Buffer) => {
        output += data.toString();
        if (sign.test(output)) resolve();
      });
  });
  child.kill("SIGTERM");
  // If the wait did not end, it would last minutes and this test would time out.
  expect(await ended).toEqual([0, null]);
});
