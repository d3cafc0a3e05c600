import fc from "fast-check";
import { once } from "node:events";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Writable } from "node:stream";
import { expect, it, onTestFinished } from "vitest";
import { LinePages } from "../../src/metrics/line-pages.js";
import { sendPages } from "../../src/metrics/send-pages.js";

const textOf = async (pages: LinePages) => Buffer.concat(await pages.texts()).toString();

it("lines are sorted by label set and show the latest value, whatever the order of updates and their length", async () => {
  const label = fc.integer({ min: 0, max: 60 }).map((number) => `label="${String(number).padStart(2, "0")}"`);
  // Some lines are longer than a page.
  const line = fc
    .tuple(fc.constantFrom("short", "ä long one", "𝔰"), fc.constantFrom(1, 10, 2_000, 30_000))
    .map(([text, times]) => text.repeat(times));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(label, line, fc.boolean()), { maxLength: 120 }), async (sets) => {
      const [pages, expected] = [new LinePages(), new Map<string, string>()];
      for (const [labels, text, look] of sets) {
        pages.set(labels, `${text}\n`);
        expected.set(labels, `${text}\n`);
        if (look) await pages.texts();
      }
      expect(pages.size).toBe(expected.size);
      const all = [...expected].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, text]) => text);
      expect((await textOf(pages)) === all.join("")).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it("a change rewrites only its own page", async () => {
  const pages = new LinePages();
  const labels = Array.from({ length: 5_000 }, (_, index) => `number="${String(index).padStart(5, "0")}"`);
  for (const one of labels) pages.set(one, `metric{${one},and="something that makes it longer, as labels are"} 1\n`);
  const before = await pages.texts();
  expect(before.length).toBeGreaterThan(2);
  expect(Math.max(...before.map(({ length }) => length))).toBeLessThanOrEqual(131_072);
  pages.set(labels[2_500]!, "metric 2\n");
  const after = await pages.texts();
  expect(after.filter((text, index) => text !== before[index])).toHaveLength(1);
});

async function answering(pages: readonly Buffer[], patience?: number) {
  const sent: Promise<void>[] = [];
  const server = createServer((_, response) => void sent.push(sendPages(response, "text/plain", pages, patience)));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => void server.close());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  return { url, sent };
}

it("pages arrive whole, in order and with their length", async () => {
  const pages = [10, 70_000, 0, 3, 200_000, 65_536, 1, 2].map((length, index) => Buffer.alloc(length, String(index)));
  const { url } = await answering([...pages, ...pages, ...pages]);
  const response = await fetch(url);
  const expected = Buffer.concat([...pages, ...pages, ...pages]);
  expect(response.headers.get("content-length")).toBe(String(expected.length));
  expect(Buffer.from(await response.arrayBuffer()).equals(expected)).toBe(true);
});

it("sending yields to the event loop between pages, also if a reader accepts everything at once", async () => {
  let hasYielded = false;
  const yielded: boolean[] = [];
  const reader = new Writable({
    highWaterMark: Number.MAX_SAFE_INTEGER,
    write(_page, _encoding, taken) {
      if (yielded.length === 0) setImmediate(() => (hasYielded = true));
      yielded.push(hasYielded);
      taken();
    },
  });
  const response = Object.assign(reader, { setHeader: () => undefined }) as unknown as ServerResponse;
  await sendPages(
    response,
    "text/plain",
    Array.from({ length: 10 }, () => Buffer.alloc(65_536, "x")),
  );
  // The other callback ran after the first page and before the last.
  expect([yielded.length >= 10, yielded.at(0), yielded.at(-1)]).toEqual([true, false, true]);
});

it("a reader that stops reading is disconnected", async () => {
  const page = Buffer.alloc(1_000_000, "x");
  const { url, sent } = await answering(
    Array.from({ length: 200 }, () => page),
    500,
  );
  const [response] = (await once(get(url), "response")) as [IncomingMessage];
  response.pause();
  await Promise.all(sent);
  const closed = new Promise((resolve) => response.on("close", resolve));
  response.on("error", () => undefined).resume();
  await closed;
  expect(response.complete).toBe(false);
});

it("sends only as fast as the reader reads, and stops if the reader disconnects", async () => {
  const page = Buffer.alloc(1_000_000, "x");
  let asked = 0;
  const pages = new Proxy(
    Array.from({ length: 200 }, () => page),
    {
      get: (target, name) => (
        name === "length" || typeof name !== "string" || (asked = Math.max(asked, Number(name) || 0)),
        Reflect.get(target, name)
      ),
    },
  );
  const { url, sent } = await answering(pages);
  const [response] = (await once(get(url), "response")) as [IncomingMessage];
  response.pause();
  asked = 0;
  // A second reader receives all its pages during this time.
  const other = await answering(Array.from({ length: 200 }, () => page));
  expect((await (await fetch(other.url)).arrayBuffer()).byteLength).toBe(200 * page.length);
  expect(asked).toBeLessThan(100);
  response.destroy();
  await Promise.all(sent);
});
