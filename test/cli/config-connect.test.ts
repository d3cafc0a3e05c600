import { createServer } from "node:http";
import { expect, it, onTestFinished } from "vitest";
import { connectLines } from "../../src/cli/config-connect.js";
import { loadConfig } from "../../src/config/config.js";
import { unusedProxy } from "../../src/config/proxies.js";
import { freshDatabase } from "../support/database.js";
import { testEnvironment } from "../support/octogauge.js";

async function gitHub(status: number): Promise<string> {
  const server = createServer((_, response) => response.writeHead(status, { "content-type": "application/json" }).end("{}"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return `http://127.0.0.1:${(server.address() as { port: number }).port}`;
}

it.each<[string, () => Promise<Record<string, string>>, boolean, RegExp]>([
  [
    "a working database and token",
    async () => ({ GITHUB_TOKEN: "token-of-tests", GITHUB_API_URL: await gitHub(200) }),
    true,
    /^database: works, and its schema is up to date\nGitHub: works, with GITHUB_TOKEN$/,
  ],
  [
    "a missing schema",
    async () => ({ DATABASE_URL: await freshDatabase({ migrated: false }) }),
    true,
    /^database: works; \d+ migrations are missing \(octogauge migrate\)\nGitHub: not tried/,
  ],
  [
    "an unreachable database",
    async () => ({ DATABASE_URL: "postgres://u:hunter2@127.0.0.1:1/x" }),
    false,
    /^database: .*DATABASE_URL cannot be reached at 127\.0\.0\.1:1/s,
  ],
  [
    "a token that GitHub rejects",
    async () => ({ GITHUB_TOKEN: "token-of-tests", GITHUB_API_URL: await gitHub(401) }),
    false,
    /GitHub: http:\S+ does not accept GITHUB_TOKEN/,
  ],
])("config check --connect reports %s", async (_, overrides, works, expected) => {
  const result = await connectLines(loadConfig(testEnvironment(await freshDatabase(), await overrides())));
  expect(result.works).toBe(works);
  expect(result.lines.join("\n")).toMatch(expected);
  expect(result.lines.join("\n")).not.toMatch(/hunter2|token-of-tests/);
});

const OTLP = { OTEL_EXPORTER_OTLP_ENDPOINT: "http://collector:4318" };

it.each([
  [{}, "26.1.0", []],
  [{ HTTPS_PROXY: "http://p:1" }, "20.19.0", []],
  [{ ...OTLP, HTTPS_PROXY: "http://p:1", NODE_USE_ENV_PROXY: "1" }, "26.1.0", []],
  [{ ...OTLP, https_proxy: "http://p:1" }, "26.1.0", [expect.stringContaining("set NODE_USE_ENV_PROXY=1")]],
  [{ ...OTLP, HTTPS_PROXY: "http://p:1", NODE_USE_ENV_PROXY: "1" }, "20.19.0", [expect.stringContaining("node 20.19.0 cannot use it")]],
])("a proxy that the trace exporter would ignore is reported: %j on node %s", (environment, version, lines) => {
  expect(unusedProxy(environment, version)).toEqual(lines);
});
