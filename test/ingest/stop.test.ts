import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { startEmbeddedPostgres } from "../../src/database/embedded/embedded-postgres.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { deliveryHeaders, post, startInstance } from "../support/octogauge.js";
import { Replica } from "../support/replica.js";

const BODY = '{"action":"created"}';

function open(instance: { webhook: string }, text: string) {
  const { hostname, port } = new URL(instance.webhook);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  socket.write(text);
  return socket;
}

it("ends soon although connections are silent or half a request, and on both listeners", async () => {
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
  const began = performance.now();
  await instance.stop();
  expect(performance.now() - began).toBeLessThan(4_000);
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
  return { socket, finish: () => socket.write(BODY.slice(5)), answer: once(socket, "close").then(() => text) };
}

it("finishes the delivery under way, and takes no other", async () => {
  const instance = await startInstance({ MODE: "gateway" });
  const slow = openDelivery(instance);
  await once(slow.socket, "connect");
  await new Promise((resolve) => setTimeout(resolve, 100));
  const stopped = instance.stop();
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await expect(fetch(instance.webhook)).rejects.toThrow("fetch failed");
  slow.finish();
  await stopped;
  expect(await slow.answer).toMatch(/^HTTP\/1.1 202 [^]*connection: close/i);
  expect(await rowsOf(instance.databaseUrl, "SELECT FROM octogauge.delivery_ledger")).toHaveLength(1);
});

it("with SHUTDOWN_DELAY it takes deliveries on, unready, until the load balancer has noticed", async () => {
  const instance = await startInstance({ MODE: "gateway", SHUTDOWN_DELAY: "1.5" });
  const stopped = instance.stop();
  expect((await fetch(`${instance.managementUrl}/health/ready`)).status).toBe(503);
  expect((await post(instance.webhook, "star", {})).status).toBe(202);
  await stopped;
  await expect(fetch(instance.webhook)).rejects.toThrow("fetch failed");
});

it.each(["SIGTERM", "SIGINT"] as const)("a served process that gets %s finishes the delivery under way and ends with 0", async (signal) => {
  const replica = await Replica.start(await freshDatabase());
  const slow = openDelivery(replica);
  await once(slow.socket, "connect");
  await new Promise((resolve) => setTimeout(resolve, 100));
  const ended = replica.kill(signal);
  await new Promise((resolve) => setTimeout(resolve, 500));
  slow.finish();
  expect(await ended).toBe(0);
  expect(await slow.answer).toMatch(/^HTTP\/1.1 202 /);
});

it("the same signal twice at once is one: a terminal sends it to npm and to us, and npm passes it on", async () => {
  const replica = await Replica.start(await freshDatabase());
  const slow = openDelivery(replica);
  await once(slow.socket, "connect");
  await new Promise((resolve) => setTimeout(resolve, 100));
  const ended = replica.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 20));
  const again = replica.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 500));
  slow.finish();
  expect([await ended, await again]).toEqual([0, 0]);
  expect(await slow.answer).toMatch(/^HTTP\/1.1 202 /);
});

it("a second signal later on stops hard", async () => {
  const replica = await Replica.start(await freshDatabase());
  const slow = openDelivery(replica);
  await once(slow.socket, "connect");
  const ended = replica.kill("SIGTERM");
  await new Promise((resolve) => setTimeout(resolve, 1_300));
  await replica.kill("SIGTERM");
  expect(await ended).toBe(130);
  slow.socket.destroy();
});

it("on the embedded PostgreSQL it ends with 0 as well, and leaves no server behind", async () => {
  const directory = mkdtempSync(join(tmpdir(), "octogauge-stop-"));
  const replica = await Replica.start("", { DATA_DIR: directory });
  expect(await replica.kill("SIGTERM")).toBe(0);
  // Stopped in order, so that another may own it at once.
  const again = await startEmbeddedPostgres({ dataDir: join(directory, "postgres") });
  expect(again.owned).toBe(true);
  await again.stop();
  for (const path of [directory, again.dataDir]) rmSync(path, { recursive: true, force: true });
});
