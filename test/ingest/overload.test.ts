import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { deliveryHeaders, startInstance, type TestInstance } from "../support/octogauge.js";

const BODY = '{"action":"created"}';
const instances: TestInstance[] = [];
const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await Promise.all(instances.splice(0).map((instance) => instance.stop()));
});

const request = (length = BODY.length) => {
  const headers = Object.entries(deliveryHeaders("star", BODY)).map(([name, value]) => `${name}: ${value}\r\n`);
  return `POST /webhook HTTP/1.1\r\nhost: x\r\n${headers.join("")}content-length: ${length}\r\n\r\n${BODY}`;
};

function dial({ webhook }: TestInstance): { socket: Socket; statuses(): string[] } {
  const { hostname, port } = new URL(webhook);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => undefined);
  sockets.push(socket);
  let text = "";
  socket.on("data", (data) => (text += data.toString()));
  return { socket, statuses: () => [...text.matchAll(/HTTP\/1.1 (\d{3})/g)].map(([, status]) => status!) };
}

/** An instance whose only request slot is held by an unfinished delivery. */
async function full(): Promise<{ instance: TestInstance; end(): void }> {
  const instance = await startInstance({ MODE: "gateway", MAX_INFLIGHT_REQUESTS: "1", REQUEST_TIMEOUT: "9" });
  instances.push(instance);
  const holder = dial(instance);
  holder.socket.write(request(BODY.length + 1));
  await expect
    .poll(async () => {
      const { socket, statuses } = dial(instance);
      socket.write(request());
      await once(socket, "data");
      return statuses()[0];
    })
    .toBe("503");
  return { instance, end: () => void holder.socket.write(" ") };
}

/** On a slow machine the delivery that holds the slot may reach REQUEST_TIMEOUT, which frees the slot. */
function expectRefusals(statuses: readonly string[]): void {
  expect(statuses).toContain("503");
  expect(statuses.filter((status) => status !== "503" && status !== "202")).toEqual([]);
}

describe("beyond the request budget", () => {
  it("answers every request that one connection sends at once", async () => {
    const { instance } = await full();
    const { socket, statuses } = dial(instance);
    socket.write(request().repeat(400));
    await expect.poll(() => statuses().length).toBe(400);
    expectRefusals(statuses());
  });

  it("answers each of many connections, some of which close early, and then accepts deliveries again", async () => {
    const { instance, end } = await full();
    const dialled = Array.from({ length: 400 }, () => dial(instance));
    await Promise.all(dialled.map(({ socket }) => once(socket, "connect")));
    for (const { socket } of dialled) socket.write(request());
    for (const { socket } of dialled.slice(0, 50)) socket.destroy();
    const staying = dialled.slice(50);
    await expect.poll(() => staying.filter(({ statuses }) => statuses().length === 1).length).toBe(350);
    expectRefusals(staying.flatMap(({ statuses }) => statuses()));
    // The finished body does not match its signature. Only the slot matters here.
    end();
    await expect
      .poll(() => {
        staying[0]!.socket.write(request());
        return staying[0]!.statuses().at(-1);
      })
      .toBe("202");
  });
});
