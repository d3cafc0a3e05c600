import { Logger } from "@nestjs/common";
import { expect, it, onTestFinished } from "vitest";
import { brokerTrouble } from "../../src/buffer/causes.js";
import { NatsBroker } from "../../src/buffer/nats.broker.js";
import { RedisBroker } from "../../src/buffer/redis.broker.js";
import { loadConfig } from "../../src/config/config.js";
import { freePort } from "../support/replica.js";
import { hasNats } from "../support/nats-server.js";
import { hasRedis } from "../support/redis-server.js";
import { ServerProcess } from "../support/server-process.js";

/** The first warning for a broker at this URL. */
async function warningOf(url: string): Promise<string> {
  const output: string[] = [];
  Logger.overrideLogger({ log: () => undefined, error: () => undefined, warn: (text: unknown) => void output.push(String(text)) });
  const broker = url.startsWith("redis")
    ? new RedisBroker({ BUFFER_STREAM: "octogauge", REDIS_URL: url })
    : new NatsBroker({ BUFFER_STREAM: "octogauge", NATS_URL: [url], NATS_REPLICAS: 1 });
  onTestFinished(() => broker.onApplicationShutdown());
  broker.onApplicationBootstrap();
  await expect.poll(() => output.length, { timeout: 20_000 }).toBeGreaterThan(0);
  return output[0]!;
}

it.each([
  [
    "nats://u:hunter2@127.0.0.1:PORT",
    /: NATS_URL cannot be reached at 127\.0\.0\.1:\d+ \(.*refused.*\); allowed: the URL of a server that is up/,
  ],
  ["redis://u:hunter2@127.0.0.1:PORT", /: REDIS_URL cannot be reached at 127\.0\.0\.1:\d+ \(.*ECONNREFUSED.*\); allowed: /],
  ["nats://u:hunter2@no-such.invalid", /: NATS_URL cannot be reached: no-such\.invalid:4222 does not resolve; allowed: /],
  ["redis://u:hunter2@no-such.invalid", /: REDIS_URL cannot be reached: no-such\.invalid does not resolve; allowed: /],
])("the warning about %s names the variable, the address and what is allowed", async (url, expected) => {
  const output = await warningOf(url.replace("PORT", String(await freePort())));
  expect(output).toMatch(expected);
  expect(output).not.toContain("hunter2");
});

it.runIf(hasRedis)("a wrong password for Redis is reported", async () => {
  const server = await ServerProcess.prepare("redis-server", (port) => ["--port", String(port), "--requirepass", "right", "--save", ""]);
  await server.start();
  const output = await warningOf(`redis://:hunter2@127.0.0.1:${server.port}`);
  expect(output).toMatch(/REDIS_URL has credentials that the server at 127\.0\.0\.1:\d+ refuses \(WRONGPASS/);
  expect(output).not.toContain("hunter2");
});

it.runIf(hasNats)("a NATS server without JetStream is reported", async () => {
  const server = await ServerProcess.prepare("nats-server", (port) => ["--port", String(port)]);
  await server.start();
  expect(await warningOf(`nats://127.0.0.1:${server.port}`)).toMatch(
    /NATS_URL points to 127\.0\.0\.1:\d+, a NATS server without JetStream; allowed: /,
  );
});

it("an unknown error is reported unchanged", () => {
  expect(brokerTrouble("the stream octogauge is full", "NATS_URL", ["a:1"])).toBe("the stream octogauge is full");
});

it.each([
  ["nats", "NATS_URL", "nats://a%zz:b@host"],
  ["nats", "NATS_URL", "http://host"],
  ["redis", "REDIS_URL", "redis://host/name"],
  ["redis", "REDIS_URL", "redis://u:%zz@host"],
])("the configuration rejects BUFFER=%s with %s=%s", (BUFFER, name, value) => {
  expect(() => loadConfig({ BUFFER, [name]: value })).toThrow(name);
});
