import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, normalize, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";

const SRC = fileURLToPath(new URL("../src/", import.meta.url));

interface Room {
  /** The rooms that this room may import, all above it in this table. */
  readonly imports: readonly string[];
  /** The files that other rooms may import, at most five. */
  readonly door: readonly string[];
}

const BASE = ["config", "logging", "tracing", "background", "database"];

/** The rooms of docs/architecture.md. The root (main, cli, app.module) may import the door of every room. */
const ROOMS: Readonly<Record<string, Room>> = {
  config: { imports: [], door: ["index", "config.module"] },
  logging: { imports: ["config"], door: ["index", "octogauge-logger"] },
  tracing: { imports: ["config", "logging"], door: ["index", "tracing.module", "diagnostics", "otlp-exporter"] },
  background: { imports: ["logging"], door: ["background-loop", "retention-loop", "backoff", "with-timeout"] },
  management: { imports: ["logging"], door: ["host-check", "problem.filter"] },
  cluster: { imports: [], door: ["children", "child", "cluster.module", "process-totals"] },
  database: {
    imports: ["config", "logging"],
    door: ["index", "migrate", "data-source", "embedded/embedded-postgres", "embedded/binaries"],
  },
  github: { imports: ["config", "tracing", "database"], door: ["index", "github.module", "limits.sql"] },
  events: { imports: [], door: ["index"] },
  intake: { imports: [...BASE, "events"], door: ["index", "group-commit", "batch-intake", "intake.module", "intake-retention.module"] },
  queue: { imports: [...BASE, "events", "intake"], door: ["index", "backlog.sql", "queue.module"] },
  "dead-letters": {
    imports: [...BASE, "events", "intake", "queue"],
    door: ["dead-letters.sql", "retries.sql", "review.sql", "dead-letters.module"],
  },
  "workflow-state": { imports: [...BASE, "events"], door: ["index", "workflow-state.module"] },
  counters: { imports: [...BASE, "events"], door: ["index", "counters.module", "rollup.module", "series-review.sql"] },
  buffer: { imports: [...BASE, "intake"], door: ["broker", "buffer.module", "intake.module", "drain.module"] },
  "ci-traces": { imports: [...BASE, "events", "workflow-state"], door: ["completions", "pending.sql", "ci-traces.module"] },
  ingest: { imports: [...BASE, "events", "intake"], door: ["public-listener", "ingest.module"] },
  processing: {
    imports: [...BASE, "events", "intake", "queue", "dead-letters", "workflow-state", "counters", "ci-traces"],
    door: ["processing.module"],
  },
  reconcile: {
    imports: [...BASE, "github", "intake", "workflow-state", "counters", "buffer"],
    door: ["attempt-lookup", "backfill", "audited-hooks.sql", "reconcile.module"],
  },
  metrics: {
    imports: [
      ...BASE,
      "cluster",
      "github",
      "events",
      "queue",
      "dead-letters",
      "workflow-state",
      "counters",
      "buffer",
      "ci-traces",
      "reconcile",
    ],
    door: ["build", "metrics.module"],
  },
  health: { imports: [...BASE, "cluster", "intake", "queue", "buffer"], door: ["readiness", "health.module"] },
  simulator: { imports: [], door: ["simulate", "send", "history", "compare"] },
  cli: {
    imports: [...BASE, "cluster", "github", "counters", "dead-letters", "reconcile", "simulator", "metrics", ""],
    door: ["program", "run", "serve"],
  },
};

interface Import {
  readonly from: string;
  readonly to: string;
}

/** The imports that the table forbids, as sentences. */
function violations(imports: readonly Import[]): string[] {
  return imports.flatMap(({ from, to }) => {
    const [room, target] = [roomOf(from), roomOf(to)];
    if (room === target) return [];
    const door = ROOMS[target]?.door;
    const file = to.slice(target.length + 1).replace(/\.js$/, "");
    if (door && !door.includes(file)) return [`${from} imports ${to}, which is no door of ${target}`];
    if (room === "") return [];
    const allowed = ROOMS[room]?.imports;
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
    expect(rooms.toSorted()).toEqual(Object.keys(ROOMS).toSorted());
  });

  it("have doors of at most five files, all of which other rooms use", () => {
    const used = new Set(all.filter(({ from, to }) => roomOf(to) !== roomOf(from)).map(({ to }) => to));
    const doors = Object.entries(ROOMS);
    expect(doors.filter(([, { door }]) => door.length > 5)).toEqual([]);
    expect(doors.flatMap(([room, { door }]) => door.map((file) => `${room}/${file}.js`)).filter((file) => !used.has(file))).toEqual([]);
  });

  it("import only rooms above them in the table", () => {
    const names = Object.keys(ROOMS);
    const upwards = Object.entries(ROOMS).flatMap(([room, { imports }]) =>
      imports.filter((other) => names.indexOf(other) >= names.indexOf(room)).map((other) => `${room} imports ${other}`),
    );
    expect(upwards).toEqual([]);
  });

  it("ingest, metrics and health are imported only by the root, except the version for the command line", () => {
    const importers = all.filter(
      ({ from, to }) =>
        ["ingest", "metrics", "health"].includes(roomOf(to)) && !["", roomOf(to)].includes(roomOf(from)) && to !== "metrics/build.js",
    );
    expect(importers).toEqual([]);
  });

  it("a forbidden import is found in each form of import", () => {
    const planted = [
      'import { Counters } from "../counters/counters.js";',
      'const late = await import("../metrics/scrape.js");',
      'import "../simulator/send.js";',
      'export { start } from "../main.js";',
    ].join("\n");
    expect(violations(importsOf(join(SRC, "intake/planted.ts"), planted))).toEqual([
      "intake/planted.ts imports counters/counters.js, which is no door of counters",
      "intake/planted.ts imports metrics/scrape.js, which is no door of metrics",
      "intake/planted.ts imports simulator/send.js: intake may not import simulator",
      "intake/planted.ts imports main.js: intake may not import the root",
    ]);
    expect(violations([{ from: "cellar/a.ts", to: "config/index.js" }])).toEqual(["cellar/a.ts: the room cellar is not in the table"]);
  });
});
