import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { configLines } from "../../src/cli/config-check.js";
import { ConfigError, loadConfig } from "../../src/config/config.js";
import { childEnvironment } from "../support/environment.js";
import { LIMIT_MS } from "../support/wait.js";

const CLI = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));
const COMPLETE = { DATABASE_URL: "postgres://u:hunter2@localhost/x", GITHUB_WEBHOOK_SECRET: "s3cret" };

function problemsOf(environment: Record<string, string>): readonly string[] {
  try {
    loadConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

const octogauge = (args: readonly string[], environment: Record<string, string>) =>
  spawnSync(process.execPath, [CLI, ...args], {
    env: childEnvironment(environment),
    encoding: "utf8",
    timeout: LIMIT_MS,
  });

describe("configuration", () => {
  it("parses numbers, durations, lists and buckets, and is frozen", () => {
    const config = loadConfig({
      ...COMPLETE,
      PORT: "9000",
      POLL_INTERVAL: "250ms",
      DEDUP_RETENTION: "10d",
      GITHUB_WEBHOOK_SECRET: "a, b\nc",
      HISTOGRAM_BUCKETS: "1 2.5; github_workflow_job_queue_seconds=10 20",
    });
    expect(config).toMatchObject({
      PORT: 9000,
      POLL_INTERVAL: 0.25,
      DEDUP_RETENTION: 864_000,
      GITHUB_WEBHOOK_SECRET: ["a", "b", "c"],
      MODE: "standalone",
    });
    expect([...config.HISTOGRAM_BUCKETS]).toEqual([
      ["default", [1, 2.5]],
      ["github_workflow_job_queue_seconds", [10, 20]],
    ]);
    expect(Object.isFrozen(config)).toBe(true);
  });

  it("reports settings that contradict each other next to single invalid values", () => {
    const problems = problemsOf({
      ...COMPLETE,
      DATABASE_POOL_SIZE: "3",
      SHUTDOWN_DELAY: "30",
      PORT: "1",
      MANAGEMENT_PORT: "1",
      MAX_ATTEMPTS: "x",
    });
    const named = problems.map((problem) => problem.split(" ")[0]).sort();
    expect(named).toEqual(["DATABASE_POOL_SIZE", "MANAGEMENT_PORT", "MAX_ATTEMPTS", "SHUTDOWN_DELAY"]);
    expect(problemsOf({ ...COMPLETE, MODE: "gateway", DATABASE_POOL_SIZE: "2" })).toEqual([]);
  });

  it("reports every problem at once, with name, value and what is allowed", () => {
    const problems = problemsOf({
      DATABASE_URL: "mysql://root:hunter2@db",
      PORT: "eighty",
      MODE: "both",
      BATCH_SIZE: "-1",
      POLL_INTERVAL: "soon",
      HISTOGRAM_BUCKETS: "5 1",
      MANAGEMENT_PORT: "70000",
    });
    expect(problems).toHaveLength(8);
    const text = problems.join("\n");
    expect(text).toContain('PORT is "eighty"; allowed: a whole number from 0 to 65535');
    expect(text).toContain('MODE is "both"; allowed: standalone, gateway or worker');
    expect(text).toContain("DATABASE_URL is (redacted); allowed: a URL that begins with postgres://");
    expect(text).toContain("GITHUB_WEBHOOK_SECRET is empty");
    expect(text).not.toContain("hunter2");
  });

  it("needs no webhook secret in a worker or for the embedded quick start", () => {
    expect(problemsOf({ DATABASE_URL: COMPLETE.DATABASE_URL, MODE: "worker" })).toEqual([]);
    expect(problemsOf({})).toEqual([]);
    expect(problemsOf({ ...COMPLETE, GITHUB_WEBHOOK_SECRET: " , " })).toHaveLength(1);
  });

  it("rejects the same port for both listeners", () => {
    expect(problemsOf({ ...COMPLETE, PORT: "9000", MANAGEMENT_PORT: "9000" })[0]).toMatch(/MANAGEMENT_PORT is "9000", the same as PORT/);
  });

  it("requires an OTLP endpoint for CI traces", () => {
    const [problem] = problemsOf({ ...COMPLETE, CI_TRACES: "on" });
    expect(problem).toBe("OTEL_EXPORTER_OTLP_ENDPOINT is empty; with CI_TRACES=on, allowed: the URL of an OpenTelemetry collector");
    expect(problemsOf({ ...COMPLETE, CI_TRACES: "on", OTEL_EXPORTER_OTLP_ENDPOINT: "http://c:4318" })).toEqual([]);
    expect(problemsOf({ ...COMPLETE, CI_TRACES_RETENTION: "5m" })).toEqual([
      expect.stringContaining("more than CI_TRACES_SETTLE and CI_TRACES_WAIT"),
    ]);
    expect(problemsOf({ ...COMPLETE, CI_TRACES: "on", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: "http://c:4318/v1/traces" })).toEqual([]);
  });

  it("requires the buffer's server address, and a buffer budget within the request deadline", () => {
    const problems = (environment: Record<string, string>) => {
      try {
        loadConfig({ GITHUB_WEBHOOK_SECRET: "s", ...environment });
        return [];
      } catch (error) {
        return (error as ConfigError).problems.map((problem) => problem.replace(/;.*/, ""));
      }
    };
    expect(problems({ BUFFER: "nats", REDIS_URL: "redis://r" })).toEqual(["NATS_URL is empty"]);
    expect(problems({ BUFFER: "redis", NATS_URL: "nats://n" })).toEqual(["REDIS_URL is empty"]);
    expect(problems({ BUFFER: "redis", REDIS_URL: "http://secret@r" })).toEqual(["REDIS_URL is (redacted)"]);
    expect(problems({ BUFFER: "nats", NATS_URL: "nats://a,tls://b", BUFFER_AFTER: "2", REQUEST_TIMEOUT: "2" })).toEqual([
      'BUFFER_AFTER is "2"',
    ]);
    expect(problems({ BUFFER: "nats", NATS_URL: "nats://a,http://b" })).toEqual(["NATS_URL is (redacted)"]);
    expect(problems({ BUFFER_STREAM: "a.b" })).toEqual(['BUFFER_STREAM is "a.b"']);
    expect(problems({ BUFFER_AFTER: "9", NATS_URL: "nats://a", REDIS_URL: "redis://r" })).toEqual([]);
    expect(problems({ BUFFER: "nats", NATS_URL: "nats://user:pass@a:4222, tls://b" })).toEqual([]);
  });

  it("reads NAME_FILE, and reports an unreadable file or both variables set", () => {
    const directory = mkdtempSync(join(tmpdir(), "octogauge-config-"));
    const file = join(directory, "secret");
    writeFileSync(file, "from a file\n");
    expect(loadConfig({ DATABASE_URL: COMPLETE.DATABASE_URL, GITHUB_WEBHOOK_SECRET_FILE: file }).GITHUB_WEBHOOK_SECRET).toEqual([
      "from a file",
    ]);
    expect(problemsOf({ ...COMPLETE, GITHUB_WEBHOOK_SECRET_FILE: file })).toEqual([
      "GITHUB_WEBHOOK_SECRET and GITHUB_WEBHOOK_SECRET_FILE are both set; set one of them",
    ]);
    expect(problemsOf({ ...COMPLETE, METRICS_TOKEN_FILE: join(directory, "none") })[0]).toMatch(
      /METRICS_TOKEN_FILE is ".*none", which cannot be read \(ENOENT\)/,
    );
    rmSync(directory, { recursive: true });
  });

  it("is printed without its secrets", () => {
    const text = configLines(loadConfig({ ...COMPLETE, METRICS_TOKEN: "t0ken" })).join("\n");
    expect(text).toContain("PORT=8080");
    expect(text).toContain("GITHUB_WEBHOOK_SECRET=(redacted)");
    expect(text).not.toMatch(/s3cret|t0ken|hunter2/);
  });
});

describe("octogauge on the command line", () => {
  it("exits with one clear message and a non-zero code on a bad configuration", () => {
    const result = octogauge(["serve"], { DATABASE_URL: COMPLETE.DATABASE_URL, PORT: "junk", MODE: "gatewy" });
    expect(result.status).toBe(1);
    expect(result.stderr.trim().split("\n")).toEqual([
      "The configuration has 3 problems:",
      expect.stringContaining('MODE is "gatewy"'),
      expect.stringContaining('PORT is "junk"'),
      expect.stringContaining("GITHUB_WEBHOOK_SECRET is empty"),
    ]);
  });

  it("names the unreachable database without its password", () => {
    const result = octogauge(["serve"], {
      ...COMPLETE,
      DATABASE_URL: "postgres://u:hunter2@127.0.0.1:1/x",
      DATABASE_CONNECT_TIMEOUT: "0.5",
      PORT: "0",
      MANAGEMENT_PORT: "0",
    });
    expect(result.status).toBe(1);
    expect(result.stderr).toMatch(/DATABASE_URL cannot be reached at .* \(.*ECONNREFUSED.*\)/);
    expect(result.stderr + result.stdout).not.toContain("hunter2");
  });

  it("config check prints the configuration, or its problems", () => {
    expect(octogauge(["config", "check"], COMPLETE).stdout).toContain("MODE=standalone");
    const bad = octogauge(["config", "check"], { PORT: "junk" });
    expect([bad.status, bad.stderr]).toEqual([1, expect.stringContaining('PORT is "junk"')]);
  });

  it("prints its help", () => {
    const help = execFileSync(process.execPath, [CLI, "--help"], { encoding: "utf8" });
    for (const command of ["serve", "migrate", "simulate", "config"]) expect(help).toMatch(new RegExp(`^  ${command} `, "m"));
    expect(octogauge(["nonsense"], {}).status).toBe(1);
  });
});

it("prints OTEL attributes in their input form, without secrets of headers or addresses", () => {
  const lines = configLines(
    loadConfig({
      OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=prod,team=a%20b",
      OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%20abcdef",
      OTEL_EXPORTER_OTLP_ENDPOINT: "https://me:hunter22@collector:4318",
    }),
  );
  expect(lines).toContain("OTEL_RESOURCE_ATTRIBUTES=deployment.environment.name=prod,team=a%20b");
  expect(lines).toContain("OTEL_EXPORTER_OTLP_HEADERS=(redacted)");
  expect(lines).toContain("OTEL_EXPORTER_OTLP_ENDPOINT=https://me:[redacted]@collector:4318");
  expect(configLines(loadConfig({}))).toContain("OTEL_EXPORTER_OTLP_HEADERS=");
  expect(() => loadConfig({ OTEL_EXPORTER_OTLP_HEADERS: "authorization=Bearer%0Ahunter22" })).toThrow(
    /HEADERS is \(redacted\); allowed: .*printable ASCII/,
  );
  expect(() => loadConfig({ OTEL_EXPORTER_OTLP_ENDPOINT: "ftp://me:hunter22@collector" })).toThrow(/ENDPOINT is \(redacted\)/);
});
