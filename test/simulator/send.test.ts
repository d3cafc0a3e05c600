import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { generateHistory } from "../../src/simulator/history.js";
import { signatureOf } from "../../src/simulator/post.js";
import { sendDeliveries } from "../../src/simulator/send.js";

interface Got {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
  /** The number of this attempt for the same id. */
  readonly attempt: number;
}

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

async function receiver(answer: (got: Got, response: ServerResponse) => void) {
  const all: Got[] = [];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const id = request.headers["x-github-delivery"];
      const attempt = 1 + all.filter(({ headers }) => headers["x-github-delivery"] === id).length;
      const got = { headers: request.headers, body: Buffer.concat(chunks).toString(), attempt };
      all.push(got);
      answer(got, response);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(
    () => void server.close(),
    () => server.closeAllConnections(),
  );
  return { all, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/webhook` };
}

const accept = (_: Got, response: ServerResponse) => void response.writeHead(202).end('{"status":"accepted"}');
const history = (deliveries: number) => generateHistory({ deliveries, duplicateRate: 0, secondHookRate: 0 });
const options = { secret: "s", rate: 0, concurrency: 4, redeliver: false, redeliverFor: 10 };

describe("signatureOf", () => {
  it("agrees with GitHub's test vector", () => {
    expect(signatureOf("It's a Secret to Everybody", "Hello, World!")).toBe(
      "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
    );
  });
});

describe("sendDeliveries", () => {
  it("sends signed bodies to all receivers in turn", async () => {
    const [one, two] = [await receiver(accept), await receiver(accept)];
    const summary = await sendDeliveries(history(20), { ...options, urls: [one.url, two.url] });
    expect(summary).toMatchObject({ sent: 20, accepted: 20, duplicates: 0, refused: 0, redelivered: 0, lost: 0 });
    expect(summary.p99).toBeGreaterThanOrEqual(summary.p50);
    expect([one.all.length, two.all.length]).toEqual([10, 10]);
    for (const { headers, body } of one.all) expect(headers["x-hub-signature-256"]).toBe(signatureOf("s", body));
  });

  it("retries with the same id until a 2xx, but not after a refusal", async () => {
    const { all, url } = await receiver((got, response) => {
      const n = Number(got.headers["x-github-hook-id"]);
      if (n === 1 && got.attempt === 1) response.destroy();
      else if (n === 2 && got.attempt < 3) response.writeHead(503).end();
      else if (n === 3) response.writeHead(401).end();
      else if (n === 4) response.writeHead(202).end('{"status":"duplicate"}');
      else if (n === 5 && got.attempt === 1) return;
      else accept(got, response);
    });
    const deliveries = [...history(5)].map((delivery, i) => Object.assign(delivery, { hookId: i + 1 }));
    const summary = await sendDeliveries(deliveries, { ...options, urls: [url], redeliver: true, timeout: 0.3 });
    expect(summary).toMatchObject({ sent: 5, accepted: 3, duplicates: 1, refused: 1, lost: 0 });
    // The first two are retried after a failure, the third after a timeout. A slow machine may add timeouts of others.
    expect(summary.redelivered).toBeGreaterThanOrEqual(4);
    expect(new Set(all.map(({ headers }) => headers["x-github-delivery"]))).toEqual(new Set(deliveries.map((each) => each.deliveryId)));
    for (const { headers, body } of all) {
      expect(body).toBe(deliveries.find(({ deliveryId }) => deliveryId === headers["x-github-delivery"])?.body);
    }
  });

  it("counts deliveries as lost that it may not retry, or not long enough", async () => {
    const { url } = await receiver((_, response) => void response.writeHead(500).end());
    expect(await sendDeliveries(history(3), { ...options, urls: [url] })).toMatchObject({ lost: 3, redelivered: 0 });
    const summary = await sendDeliveries(history(1), { ...options, urls: [url], redeliver: true, redeliverFor: 0.4 });
    expect(summary).toMatchObject({ sent: 1, lost: 1 });
  });

  it("keeps the rate, and stops on request", async () => {
    const { url } = await receiver(accept);
    const paced = await sendDeliveries(history(20), { ...options, urls: [url], rate: 50 });
    expect(paced.seconds).toBeGreaterThan(0.3);
    const stop = new AbortController();
    const stopping = await receiver((got, response) => {
      accept(got, response);
      if (stopping.all.length === 3) stop.abort();
    });
    const stopped = await sendDeliveries(history(5000), { ...options, urls: [stopping.url], rate: 20, signal: stop.signal });
    expect(stopped.sent).toBeGreaterThanOrEqual(3);
    expect(stopped.sent).toBeLessThan(5_000);
  });
});
