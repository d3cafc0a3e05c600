import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
const PAGE = readFileSync(`${ROOT}docs/architecture.md`, "utf8");

/** The TypeScript of a folder, as one text. */
const textOf = (folder: string): string =>
  readdirSync(`${ROOT}${folder}`, { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => readFileSync(`${ROOT}${folder}/${name}`, "utf8"))
    .join("\n");

/** The names in the first column of the tables below a heading, up to the next heading. */
function listedUnder(heading: string): string[] {
  const [, section = ""] = PAGE.split(`\n${heading}\n`);
  const [untilNext = ""] = section.split(/\n#+ /);
  return Array.from(untilNext.matchAll(/^\| `([^`]+)`/gm), ([, name = ""]) => name).toSorted();
}

const found = (text: string, pattern: RegExp): string[] =>
  [...new Set(Array.from(text.matchAll(pattern), ([, name = ""]) => name))].toSorted();

it("lists every loop of the code", () => {
  // The workers are numbered: `processing/worker-${number}` in the code, `processing/worker-1` on the page.
  const loops = found(textOf("src"), /super\(\s*["`]([a-z-]+\/[a-z-]+)/g).map((name) => name.replace(/worker-$/, "worker-1"));
  expect(loops.length).toBeGreaterThan(10);
  expect(listedUnder("## Background loops")).toEqual(loops);
});

it("lists every table of the migrations, and TypeORM's own", () => {
  const migrations = textOf("migrations");
  const dropped = found(migrations, /DROP TABLE (?:IF EXISTS )?octogauge\.(\w+)/g);
  const tables = found(migrations, /CREATE (?:UNLOGGED )?TABLE (?:IF NOT EXISTS )?octogauge\.(\w+)/g).filter(
    (name) => !dropped.includes(name),
  );
  expect(tables.length).toBeGreaterThan(15);
  expect(listedUnder("## Tables")).toEqual([...tables, "migrations"].toSorted());
});

it("lists every role of a leader", () => {
  const [, union = ""] = /type LeaderRole =([^;]+);/.exec(readFileSync(`${ROOT}src/database/leadership.ts`, "utf8")) ?? [];
  expect(listedUnder("### Leaders")).toEqual(found(union, /"([^"]+)"/g));
});
