import { Logger } from "@nestjs/common";
import { readdirSync, readFileSync } from "node:fs";
import { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { configLines } from "../../src/cli/config-check.js";
import { loadConfig } from "../../src/config/config.js";
import { LOG_ROOMS } from "../../src/config/log-levels.js";
import { logEntry } from "../../src/logging/fields.js";
import { OctogaugeLogger, prettyStream } from "../../src/logging/octogauge-logger.js";
import { captureLog, comparable } from "../support/log.js";

const METHODS = ["fatal", "error", "warn", "log", "debug", "verbose"] as const;

describe("a log line", () => {
  it("is JSON with time, level, room, fields and message", () => {
    const { lines } = captureLog({ LOG_LEVEL: "trace" });
    const logger = new Logger("processing/worker-1");
    for (const method of METHODS) logger[method]("said");
    logger.warn(logEntry("a delivery is odd", { delivery_id: "d", event: "star", status: 202 }));
    expect(lines[0]?.["time"]).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    expect(lines[0]?.["pid"]).toBe(process.pid);
    expect(comparable(lines)).toEqual([
      ...["fatal", "error", "warn", "info", "debug", "trace"].map((level) => ({
        level,
        room: "processing",
        loop: "worker-1",
        msg: "said",
      })),
      {
        level: "warn",
        room: "processing",
        loop: "worker-1",
        delivery_id: "d",
        event: "star",
        status: 202,
        msg: "a delivery is odd",
      },
    ]);
  });

  it("of the framework has the room nest, and its start-up lines are dropped", () => {
    const { lines } = captureLog();
    new Logger("RouterExplorer").log("Mapped {/metrics, GET} route");
    new Logger("RouterExplorer").warn("odd");
    Logger.error(new TypeError("no context"));
    expect(comparable(lines)).toEqual([
      { level: "warn", room: "nest", loop: "RouterExplorer", msg: "odd" },
      { level: "error", room: "nest", error: { class: "TypeError", message: "no context" }, msg: "no context" },
    ]);
  });

  it("does not use a stack as the name, although the framework passes one when a stop fails", () => {
    const { lines } = captureLog({ LOG_LEVELS: "nest=info", GITHUB_TOKEN: "a-token-of-mine" });
    const error = new Error("boom a-token-of-mine");
    Logger.error(error, error.stack);
    expect(comparable(lines)).toEqual([
      { level: "error", room: "nest", error: { class: "Error", message: "boom [redacted]" }, msg: "boom [redacted]" },
    ]);
  });

  it("has the stack of an error only at debug", () => {
    const { lines } = captureLog({ LOG_LEVELS: "github=debug" });
    const error = Object.assign(new RangeError("too far"), { code: "E1" });
    new Logger("metrics").error(logEntry("failed", { error }));
    new Logger("github").error(logEntry("failed", { error }));
    new Logger("metrics").error("failed", error.stack);
    new Logger("github").error("failed", error.stack);
    const stack = expect.stringContaining("logger.test.ts");
    expect(lines.map((line) => line["error"])).toEqual([
      { class: "RangeError", message: "too far", code: "E1" },
      { class: "RangeError", message: "too far", code: "E1", stack },
      undefined,
      { stack },
    ]);
  });

  it("has a human-readable format", () => {
    let text = "";
    const stream = new Writable({ write: (chunk, _, done) => done(void (text += String(chunk))) });
    Logger.overrideLogger(new OctogaugeLogger(loadConfig({}), prettyStream(stream, false)));
    onTestFinished(() => Logger.overrideLogger(false));
    new Logger("processing/retries").warn(
      logEntry("a delivery is a dead letter\n\u001b[2J", { delivery_id: "d", error: new TypeError("odd\n[12:00:00.000] INFO: forged") }),
    );
    expect(text.replace(/^\[[\d:.]+\]/, "[time]").split("\n")).toEqual([
      '[time] WARN: processing/retries: a delivery is a dead letter [2J {"delivery_id":"d"}',
      "    error: {",
      '      "class": "TypeError",',
      '      "message": "odd [12:00:00.000] INFO: forged"',
      "    }",
      "",
    ]);
  });
});

describe("levels", () => {
  const levelsOf = (overrides: Record<string, string>, room: string) => {
    const { lines } = captureLog(overrides);
    for (const method of METHODS) new Logger(room)[method]("said");
    return lines.map(({ level }) => level);
  };
  const ALL = ["fatal", "error", "warn", "info", "debug", "trace"];

  it.each([
    [{}, "queue", 4],
    [{ LOG_LEVEL: "log" }, "queue", 4],
    [{ LOG_LEVEL: "verbose" }, "queue", 6],
    [{ LOG_LEVEL: "fatal" }, "queue", 1],
    [{ LOG_LEVELS: "processing=debug, github=warn" }, "processing", 5],
    [{ LOG_LEVELS: "processing=debug,github=warn" }, "processing/worker-2", 5],
    [{ LOG_LEVELS: "processing=debug,github=warn" }, "github", 3],
    [{ LOG_LEVELS: "processing=debug", LOG_LEVEL: "error" }, "ingest", 2],
    [{ LOG_LEVELS: "nest=error" }, "InjectorOfSomething", 2],
  ])("%j: %s logs the first %i levels", (overrides, room, count) => {
    expect(levelsOf(overrides as Record<string, string>, room)).toEqual(ALL.slice(0, count));
  });

  it.each(["procesing=debug", "processing=loud", "processing", "processing=debug=x", "%s is a configuration error"])(
    "%s is a configuration error",
    (value) => {
      expect(() => loadConfig({ LOG_LEVELS: value })).toThrow(
        `LOG_LEVELS is "${value}"; allowed: room=level, separated by commas, each room once; rooms main, management,`,
      );
    },
  );

  it("are printed in their input form", () => {
    const lines = configLines(loadConfig({ LOG_LEVELS: "processing=log\ngithub = warn", LOG_LEVEL: "log" }));
    expect(lines).toEqual(expect.arrayContaining(["LOG_LEVELS=processing=info,github=warn", "LOG_LEVEL=info", "LOG_DELIVERIES=off"]));
  });

  it("are accepted for the rooms of earlier releases, which are deprecated", () => {
    const lines = configLines(loadConfig({ LOG_LEVELS: "inbox=debug,outbound=warn" }));
    expect(lines).toContain("LOG_LEVELS=intake=debug,queue=debug,dead-letters=debug,ci-traces=warn");
    expect(() => loadConfig({ LOG_LEVELS: "inbox=debug,queue=info" })).toThrow("each room once");
  });

  it("can be set for every room that logs", () => {
    const root = fileURLToPath(new URL("../../src/", import.meta.url));
    const texts = readdirSync(root, { recursive: true, encoding: "utf8" })
      .filter((name) => name.endsWith(".ts"))
      .map((name) => readFileSync(`${root}${name}`, "utf8"));
    const speakers = texts.flatMap((text) =>
      Array.from(text.matchAll(/(?:new Logger\(|extends (?:Background|Retention)Loop[^]*?super\()["`]([^"`]+)/g)),
    );
    const rooms = new Set(speakers.map(([, speaker = ""]) => speaker.split("/")[0]));
    expect(speakers.length).toBeGreaterThan(25);
    expect([...rooms].filter((room) => !(LOG_ROOMS as readonly unknown[]).includes(room))).toEqual([]);
  });
});
