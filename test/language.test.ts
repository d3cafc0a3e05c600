import { readdirSync, readFileSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** CONTRIBUTING.md, "Language": a sentence names its subject. In quotes, "nobody" is the account of a Unix system. */
const REFUSED = /(?<!["'`])\b(nobody|somebody|whoever|meanwhile)\b(?!["'`])/i;

/** Recorded payloads of GitHub are JSON, so they are not read. */
const files = ["src", "docs", "test", "bench", "chaos", "deploy"]
  .flatMap((folder) =>
    readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: "utf8" })
      .filter((name) => /\.(ts|mjs|md|yml|yaml)$/.test(name) || folder === "deploy")
      .map((name) => `${folder}/${name}`)
      .filter((file) => statSync(`${ROOT}${file}`).isFile()),
  )
  .concat("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
  .filter((file) => file !== "test/language.test.ts");

const refused = (file: string, text: string): string[] =>
  text.split("\n").flatMap((line, index) => {
    const [word] = REFUSED.exec(line) ?? [];
    return word === undefined ? [] : [`${file}:${index + 1}: name the subject instead of "${word}"`];
  });

it("sentences name their subject", () => {
  expect(files.length).toBeGreaterThan(300);
  expect(files.flatMap((file) => refused(file, readFileSync(`${ROOT}${file}`, "utf8")))).toEqual([]);
});

it("a planted word is found with its place", () => {
  expect(refused("docs/a.md", "A worker claims it.\nWhoever is first claims it.")).toEqual([
    'docs/a.md:2: name the subject instead of "Whoever"',
  ]);
  expect(refused("docs/a.md", "PostgreSQL runs as `nobody`.")).toEqual([]);
});
