import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));

/** Who may import whom: the table of docs/architecture.md as data. The root (main, cli, app.module) may import every room. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  config: [],
  logging: ["config"],
  background: ["logging"],
  cluster: [],
  tracing: ["config"],
  database: ["logging", "config"],
  github: ["tracing", "config"],
  inbox: ["database", "tracing", "logging", "config", "background"],
  "workflow-state": ["database", "config", "background"],
  counters: ["database", "config", "background"],
  buffer: ["inbox", "database", "tracing", "logging", "config", "background"],
  outbound: ["inbox", "workflow-state", "database", "tracing", "logging", "config", "background"],
  ingest: ["inbox", "tracing", "logging", "config"],
  processing: ["inbox", "workflow-state", "counters", "outbound", "database", "tracing", "logging", "config", "background"],
  reconcile: ["inbox", "buffer", "workflow-state", "counters", "github", "database", "logging", "config", "background"],
  metrics: ["inbox", "workflow-state", "counters", "outbound", "reconcile", "buffer", "database", "tracing", "cluster", "config"],
  health: ["database", "processing", "inbox", "buffer", "cluster", "config"],
  simulator: [],
  commands: ["cluster", "config", "database", "inbox", "counters", "github", "reconcile", "simulator", "tracing", "logging", ""],
};

interface Import {
  readonly from: string;
  readonly to: string;
}

/** The imports that the table does not allow, as sentences. */
function violations(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to }) => {
    const [room, target] = [roomOf(from), roomOf(to)];
    if (room === target || room === "") return [];
    const allowed = ROOMS[room];
    if (!allowed) return [`${from}: the room ${room} is not in the table`];
    return allowed.includes(target) ? [] : [`${from} imports ${to}: ${room} may not import ${target || "the root"}`];
  });
}

const roomOf = (path: string): string => (path.includes("/") ? (path.split("/")[0] ?? "") : "");

function files(directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    const path = join(directory, name);
    return statSync(path).isDirectory() ? files(path) : path.endsWith(".ts") ? [path] : [];
  });
}

function importsOf(file: string, text: string): Import[] {
  const specifiers = [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1] ?? "");
  return specifiers
    .map((specifier) => relative(SRC, normalize(join(dirname(file), specifier))))
    .filter((to) => !to.startsWith(".."))
    .map((to) => ({ from: relative(SRC, file), to }));
}

const all = files(SRC).flatMap((file) => importsOf(file, readFileSync(file, "utf8")));

describe("rooms", () => {
  it("import only what the table allows", () => {
    expect(all.length).toBeGreaterThan(100);
    expect(violations(all)).toEqual([]);
  });

  it("are all in the table", () => {
    const rooms = readdirSync(SRC).filter((name) => statSync(join(SRC, name)).isDirectory());
    expect(rooms.filter((room) => !Object.hasOwn(ROOMS, room))).toEqual([]);
    expect(Object.keys(ROOMS).filter((room) => !rooms.includes(room))).toEqual([]);
  });

  it("that nobody may import are imported by nobody", () => {
    const importers = all.filter(
      ({ from, to }) => ["ingest", "metrics", "health"].includes(roomOf(to)) && roomOf(from) !== roomOf(to) && roomOf(from) !== "",
    );
    expect(importers).toEqual([]);
  });

  it("a planted violation is found, in each form of import", () => {
    const planted = [
      'import { Counters } from "../counters/counters.js";',
      'const late = await import("../metrics/scrape.js");',
      'import "../simulator/send.js";',
      'export { start } from "../main.js";',
    ].join("\n");
    expect(violations(importsOf(join(SRC, "inbox/planted.ts"), planted))).toEqual([
      "inbox/planted.ts imports counters/counters.js: inbox may not import counters",
      "inbox/planted.ts imports metrics/scrape.js: inbox may not import metrics",
      "inbox/planted.ts imports simulator/send.js: inbox may not import simulator",
      "inbox/planted.ts imports main.js: inbox may not import the root",
    ]);
    expect(violations([{ from: "cellar/a.ts", to: "config/config.js" }])).toEqual(["cellar/a.ts: the room cellar is not in the table"]);
  });
});
