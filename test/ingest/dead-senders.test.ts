import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { deliveryHeaders, post, startInstance, type TestInstance } from "../support/octogauge.js";

const BODY = `{"action":"created","padding":"${"x".repeat(9_000)}"}`;
const sockets: Socket[] = [];

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.destroy();
});

/** A delivery of which only `sent` bytes of the body arrive. */
function unfinished({ webhook }: TestInstance, sent: string, length = BODY.length): { socket: Socket; text(): string } {
  const { hostname, port } = new URL(webhook);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  sockets.push(socket);
  let text = "";
  socket.on("data", (data) => (text += data.toString()));
  const headers = Object.entries(deliveryHeaders("star", BODY)).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`POST /webhook HTTP/1.1\r\nhost: x\r\n${headers.join("")}content-length: ${length}\r\n\r\n${sent}`);
  return { socket, text: () => text };
}

async function inflight({ managementUrl }: TestInstance): Promise<{ requests: number; bytes: number }> {
  const text = await (await fetch(`${managementUrl}/metrics/process`)).text();
  const value = (name: string) => Number(new RegExp(`^octogauge_inflight_${name} (\\d+)`, "m").exec(text)?.[1] ?? NaN);
  return { requests: value("requests"), bytes: value("bytes") };
}

const NONE = { requests: 0, bytes: 0 };

describe("a sender that dies releases its share of the budgets", () => {
  it("after the answer at REQUEST_TIMEOUT, with part of the body sent", async () => {
    const instance = await startInstance({
      MODE: "gateway",
      REQUEST_TIMEOUT: "0.3",
      MAX_INFLIGHT_REQUESTS: "4",
      MAX_INFLIGHT_BYTES: "65536",
    });
    const open = Array.from({ length: 4 }, () => unfinished(instance, BODY.slice(0, -1)));
    await Promise.all(open.map(({ socket }) => once(socket, "close")));
    expect(open.map(({ text }) => text().split("\r\n", 1)[0])).toEqual(Array(4).fill("HTTP/1.1 503 Service Unavailable"));
    await expect.poll(async () => (await post(instance.webhook, "star", BODY)).status).toBe(202);
    await expect.poll(() => inflight(instance)).toEqual(NONE);
  });

  it("before any answer, with head and body in one packet and a reset by the sender", async () => {
    const instance = await startInstance({ MODE: "gateway", MAX_INFLIGHT_REQUESTS: "4" });
    const open = [unfinished(instance, ""), unfinished(instance, BODY.slice(0, 10)), unfinished(instance, "", 25_000_000)];
    await expect.poll(() => inflight(instance)).toEqual({ requests: 3, bytes: 10 });
    open[0]!.socket.destroy();
    open[1]!.socket.resetAndDestroy();
    open[2]!.socket.end();
    await expect.poll(() => inflight(instance)).toEqual(NONE);
  });

  it("with the connection cut by a full byte budget, which counts received and not announced bytes", async () => {
    const instance = await startInstance({ MODE: "gateway", MAX_INFLIGHT_BYTES: "65536" });
    const announced = Array.from({ length: 5 }, () => unfinished(instance, "x", 60_000));
    await expect.poll(() => inflight(instance)).toEqual({ requests: 5, bytes: 5 });
    expect((await post(instance.webhook, "star", BODY)).status).toBe(202);
    for (const { socket } of announced) socket.write("x".repeat(30_000));
    await expect.poll(() => announced.some(({ text }) => text().startsWith("HTTP/1.1 503"))).toBe(true);
    for (const { socket } of announced) socket.destroy();
    await expect.poll(() => inflight(instance)).toEqual(NONE);
  });
});

describe("a body that makes no progress", () => {
  it("gets 408, long before REQUEST_TIMEOUT", async () => {
    const instance = await startInstance({ MODE: "gateway", REQUEST_TIMEOUT: "9" });
    const { socket, text } = unfinished(instance, BODY.slice(0, -1));
    const trickle = setInterval(() => socket.write(""), 100);
    await once(socket, "close");
    clearInterval(trickle);
    expect(text()).toMatch(/^HTTP\/1.1 408 [^]*BODY_MIN_RATE/);
    expect(await inflight(instance)).toEqual(NONE);
  });

  it("is waited for if BODY_MIN_RATE is 0", async () => {
    const instance = await startInstance({ MODE: "gateway", REQUEST_TIMEOUT: "4", BODY_MIN_RATE: "0" });
    const { socket, text } = unfinished(instance, BODY.slice(0, -1));
    await once(socket, "close");
    expect(text()).toMatch(/^HTTP\/1.1 503 /);
  });
});
