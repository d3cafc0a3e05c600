import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished } from "vitest";
import { freshDatabase } from "../support/database.js";
import { Replica } from "../support/replica.js";

/** The Octogauge modules that a ready process of this mode has loaded, as paths below `src/`, and its broker and OpenTelemetry libraries by name. */
function loadedIn(mode: string, overrides: Record<string, string> = {}): Promise<readonly string[]> {
  const key = JSON.stringify([mode, overrides]);
  const known = loaded.get(key) ?? load(mode, overrides);
  loaded.set(key, known);
  return known;
}

/** Starts each kind of process once. */
const loaded = new Map<string, Promise<readonly string[]>>();

async function load(mode: string, overrides: Record<string, string>): Promise<readonly string[]> {
  const directory = mkdtempSync(join(tmpdir(), "octogauge-coverage-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const replica = await Replica.start(await freshDatabase(), { MODE: mode, NODE_V8_COVERAGE: directory, ...overrides });
  expect(await replica.kill("SIGTERM")).toBe(0);
  const files = readdirSync(directory).map(
    (name) => JSON.parse(readFileSync(join(directory, name), "utf8")) as { result: { url: string }[] },
  );
  return files.flatMap(({ result }) => result.map(({ url }) => url.split("/dist/src/")[1] ?? libraryOf(url))).filter(Boolean);
}

const libraryOf = (url: string): string =>
  /\/node_modules\/(@nats-io|@redis|@opentelemetry\/(?:sdk|exporter|otlp)[\w-]*|@grpc)\//.exec(url)?.[1] ?? "";

const roomsOf = (files: readonly string[]) => new Set(files.map((file) => file.split("/")[0]));

it("a gateway loads nothing of processing, look-ups and GitHub's API", async () => {
  const files = await loadedIn("gateway");
  expect(files).toContain("ingest/webhook-handler.js");
  expect(roomsOf(files)).not.toContain("processing");
  expect(files).not.toContain("github/github.js");
  expect(files.filter((file) => file.endsWith(".loop.js") && !file.startsWith("background/"))).toEqual([]);
});

it("a worker loads nothing of the webhook", async () => {
  const files = await loadedIn("worker");
  expect(files).toContain("processing/worker.loop.js");
  expect(roomsOf(files)).not.toContain("ingest");
  expect(files).not.toContain("intake/group-commit.js");
});

it.each([
  ["off", {}, [false, false]],
  ["on", { CI_TRACES: "on", OTEL_TRACES_EXPORTER: "none", OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" }, [false, true]],
])(
  "CI_TRACES=%s: the trace exporter is loaded only by workers, and only if it is on",

  async (_, settings, expected) => {
    const both = await Promise.all(["gateway", "worker"].map((mode) => loadedIn(mode, settings)));
    for (const file of ["ci-traces/completions.js", "ci-traces/send.loop.js", "tracing/otlp-exporter.js"])
      expect(both.map((files) => files.includes(file))).toEqual(expected);
  },
);

it("standalone loads both", async () => {
  expect(await loadedIn("standalone")).toEqual(expect.arrayContaining(["ingest/webhook-handler.js", "processing/worker.loop.js"]));
});

it.each([
  ["none", {}, []],
  ["nats", { BUFFER: "nats", NATS_URL: "nats://127.0.0.1:1" }, ["@nats-io"]],
  ["redis", { BUFFER: "redis", REDIS_URL: "redis://127.0.0.1:1" }, ["@redis"]],
])(
  "BUFFER=%s loads only its own library; a gateway does not load the drain, nor a worker the intake",

  async (buffer, settings, libraries) => {
    const [gateway, worker] = await Promise.all([loadedIn("gateway", settings), loadedIn("worker", settings)]);
    const both = { gateway, worker };
    for (const files of Object.values(both)) {
      expect([...new Set(files.filter((file) => file.startsWith("@")))]).toEqual(libraries);
    }
    const has = (file: string) => [both.gateway.includes(file), both.worker.includes(file)];
    expect(has("buffer/buffered-intake.js")).toEqual([buffer !== "none", false]);
    expect(has("buffer/drain.loop.js")).toEqual([false, buffer !== "none"]);
  },
);

it("the OpenTelemetry SDK is loaded only with an endpoint, and only the parts for its protocol", async () => {
  const libraries = (files: readonly string[]) => new Set(files.filter((file) => /^@(opentelemetry|grpc)/.test(file)));
  expect(libraries(await loadedIn("standalone"))).toEqual(new Set());
  expect(
    libraries(await loadedIn("standalone", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1", OTEL_TRACES_EXPORTER: "none" })),
  ).toEqual(new Set());
  const traced = libraries(await loadedIn("standalone", { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:1" }));
  expect(traced).toContain("@opentelemetry/sdk-trace");
  expect(traced).not.toContain("@grpc");
});
