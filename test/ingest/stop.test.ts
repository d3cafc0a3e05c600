import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { stopOnSignals } from "../../src/cli/serve.js";
import { startEmbeddedPostgres } from "../../src/database/embedded/embedded-postgres.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { deliveryHeaders, post, startInstance } from "../support/octogauge.js";
import { Replica } from "../support/replica.js";
import { until } from "../support/wait.js";

const BODY = '{"action":"created"}';

function open(instance: { webhook: string }, text: string) {
  const { hostname, port } = new URL(instance.webhook);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  socket.write(text);
  return socket;
}

/** The number of deliveries that a process reads or has not answered yet. */
async function inflight(management: string): Promise<string | undefined> {
  const text = await (await fetch(`${management}/metrics/process`)).text();
  return /^octogauge_inflight_requests (\d+)/m.exec(text)?.[1];
}

const isUnderWay = (management: string) => until("a delivery under way", async () => (await inflight(management)) === "1");

/** A process that shuts down is unready, or has closed its management listener. */
const isStopping = (management: string) =>
  until("the stop", () =>
    fetch(`${management}/health/ready`).then(
      ({ ok }) => !ok,
      () => true,
    ),
  );

it("shutdown ends although connections on both listeners are silent or have sent half a request", async () => {
  const instance = await startInstance({ MODE: "gateway" });
  const silent = open(instance, "");
  const half = open(instance, "POST /webhook HTTP/1.1\r\nhost: x\r\n");
  const management = new URL(instance.managementUrl);
  const kept = connect(Number(management.port), management.hostname);
  kept.on("error", () => undefined);
  await Promise.all([silent, half, kept].map((socket) => once(socket, "connect")));
  const answered = open(instance, "GET /webhook HTTP/1.1\r\nhost: x\r\n\r\n");
  await once(answered, "data");
  answered.write("POST /webhook HTTP/1.1\r\nhost: x\r\n");
  // A closed server has no timeout for these connections. If shutdown did not close them, this test would time out.
  await expect(instance.stop()).resolves.toBeUndefined();
});

/** A delivery whose last bytes are held back. */
function openDelivery(instance: { webhook: string }) {
  const headers = Object.entries(deliveryHeaders("star", BODY)).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = open(
    instance,
    `POST /webhook HTTP/1.1\r\nhost: x\r\n${headers.join("")}content-length: ${BODY.length}\r\n\r\n${BODY.slice(0, 5)}`,
  );
  let text = "";
  socket.on("data", (data) => (text += data.toString()));
  return { finish: () => socket.write(BODY.slice(5)), answer: once(socket, "close").then(() => text) };
}

it("shutdown finishes the delivery in progress and accepts no other", async () => {
  const instance = await startInstance({ MODE: "gateway", REQUEST_TIMEOUT: "9" });
  const slow = openDelivery(instance);
  await isUnderWay(instance.managementUrl);
  // A connection without a request is closed after a second. The one with the delivery stays open.
  const silent = open(instance, "");
  await once(silent, "connect");
  const cut = once(silent, "close");
  const stopped = instance.stop();
  await cut;
  await expect(fetch(instance.webhook)).rejects.toThrow("fetch failed");
  slow.finish();
  await stopped;
  expect(await slow.answer).toMatch(/^HTTP\/1.1 202 [^]*connection: close/i);
  expect(await rowsOf(instance.databaseUrl, "SELECT FROM octogauge.delivery_ledger")).toHaveLength(1);
});

it("with SHUTDOWN_DELAY the process is unready but accepts deliveries until the load balancer has removed it", async () => {
  // Longer than this test, which kills the process at its end.
  const replica = await Replica.start(await freshDatabase(), { MODE: "gateway", SHUTDOWN_DELAY: "5m", DRAIN_TIMEOUT: "10m" });
  void replica.kill("SIGTERM");
  await expect.poll(async () => (await fetch(`${replica.management}/health/ready`)).status).toBe(503);
  expect((await post(replica.webhook, "star", {})).status).toBe(202);
  const instance = await startInstance({ MODE: "gateway", SHUTDOWN_DELAY: "0.1" });
  await instance.stop();
  await expect(fetch(instance.webhook)).rejects.toThrow("fetch failed");
});

it.each(["SIGTERM", "SIGINT"] as const)("a process that gets %s finishes the delivery in progress and exits with 0", async (signal) => {
  const replica = await Replica.start(await freshDatabase(), { REQUEST_TIMEOUT: "9" });
  const slow = openDelivery(replica);
  await isUnderWay(replica.management);
  const ended = replica.kill(signal);
  await isStopping(replica.management);
  slow.finish();
  expect(await ended).toBe(0);
  expect(await slow.answer).toMatch(/^HTTP\/1.1 202 /);
});

describe("a second signal", () => {
  it("within a second counts as the first one, because a terminal sends it to npm and to us, and npm passes it on", () => {
    const before = (["SIGTERM", "SIGINT"] as const).map((signal) => [signal, new Set(process.listeners(signal))] as const);
    const exits: unknown[] = [];
    const exit = vi.spyOn(process, "exit").mockImplementation((code) => exits.push(code) as never);
    const now = vi.spyOn(performance, "now").mockReturnValue(1_000);
    onTestFinished(() => {
      for (const spy of [exit, now]) spy.mockRestore();
      for (const [signal, listeners] of before)
        for (const listener of process.listeners(signal)) if (!listeners.has(listener)) process.off(signal, listener);
    });
    const lines: string[] = [];
    let stops = 0;
    const stop = () => {
      stops += 1;
      return new Promise<void>(() => undefined);
    };
    // The time-out of the stop would end this process.
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    onTestFinished(() => void vi.useRealTimers());
    stopOnSignals({ stop }, 25, (line) => lines.push(line));
    const signal = process.listeners("SIGINT").find((listener) => !before[1]![1].has(listener))!;
    signal("SIGINT");
    now.mockReturnValue(2_000);
    signal("SIGINT");
    expect([stops, lines.length, exits]).toEqual([1, 1, []]);
    now.mockReturnValue(2_001);
    signal("SIGINT");
    expect([stops, exits]).toEqual([1, [130]]);
  });

  it("after a second stops at once", async () => {
    const replica = await Replica.start(await freshDatabase(), { SHUTDOWN_DELAY: "5m", DRAIN_TIMEOUT: "10m" });
    const ended = replica.kill("SIGTERM");
    await isStopping(replica.management);
    // Repeat the signal: copies within the first second count as the first one.
    let code: number | null | undefined;
    void ended.then((exitCode) => (code = exitCode));
    await until(
      "the end",
      () => {
        if (code === undefined) void replica.kill("SIGTERM");
        return code !== undefined;
      },
      200,
    );
    expect(code).toBe(130);
  });
});

it("with the embedded PostgreSQL the exit code is 0 as well, and no server keeps running", async () => {
  const directory = mkdtempSync(join(tmpdir(), "octogauge-stop-"));
  const replica = await Replica.start("", { DATA_DIR: directory });
  expect(await replica.kill("SIGTERM")).toBe(0);
  // After an orderly stop, another process may own the data directory at once.
  const again = await startEmbeddedPostgres({ dataDir: join(directory, "postgres") });
  expect(again.owned).toBe(true);
  await again.stop();
  for (const path of [directory, again.dataDir]) rmSync(path, { recursive: true, force: true });
});
