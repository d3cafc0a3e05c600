import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

it("every base image of the Dockerfile can be set by digest, and scripts/base-images lists them all", () => {
  const lines = readFileSync(join(ROOT, "Dockerfile"), "utf8").split("\n");
  const from = lines.flatMap((line) => /^FROM (?:--\S+ )*(\S+)/.exec(line)?.[1] ?? []);
  const names = lines.flatMap((line) => /^ARG ([A-Z]+_IMAGE)=\S+$/.exec(line)?.[1] ?? []);
  expect([...new Set(from)].sort()).toEqual(names.map((name) => `\${${name}}`).sort());

  const digest = `sha256:${"0123456789abcdef".repeat(4)}`;
  const directory = mkdtempSync(join(tmpdir(), "octogauge-docker-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  writeFileSync(join(directory, "docker"), `#!/bin/sh\necho ${digest}\n`);
  chmodSync(join(directory, "docker"), 0o755);
  const output = execFileSync(join(ROOT, "scripts/base-images"), {
    encoding: "utf8",
    env: { PATH: `${directory}:${process.env["PATH"]}` },
  });
  expect(output.trim().split("\n")).toEqual(names.map((name) => expect.stringMatching(`^--build-arg ${name}=\\S+@${digest}$`) as string));
});
