import fc from "fast-check";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { createGunzip, createInflateRaw, gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { gzipped } from "../../src/metrics/gzip.js";
import { LinePages } from "../../src/metrics/line-pages.js";
import { startInstance } from "../support/octogauge.js";

/** Decompresses the first gzip member only, and returns where it ends. */
async function unzipped(pages: readonly Buffer[]): Promise<Buffer> {
  const file = Buffer.concat(await gzipped(pages));
  const reader = createGunzip();
  const text = buffer(reader);
  reader.end(file);
  expect((await text).length).toBe(file.readUInt32LE(file.length - 4));
  expect(reader.bytesWritten).toBe(file.length);
  const blocks = createInflateRaw();
  blocks.resume().end(file.subarray(10));
  await once(blocks, "end");
  expect(blocks.bytesWritten).toBe(file.length - 18);
  return text;
}

it("pages compressed one by one, now or earlier, decompress to the text", async () => {
  // Compressible and incompressible bytes, shorter and longer than one output chunk of zlib.
  const made = new Map<string, Buffer>();
  const page = fc.tuple(fc.constantFrom(0, 1, 100, 16_383, 16_384, 65_536, 200_000), fc.boolean(), fc.integer({ min: 0, max: 2 }));
  await fc.assert(
    fc.asyncProperty(fc.array(page, { maxLength: 12 }), async (shapes) => {
      const pages = shapes.map(([length, isRandom, number]) => {
        const key = `${length} ${isRandom} ${number}`;
        const present = made.get(key) ?? (isRandom ? randomBytes(length) : Buffer.alloc(length, `${number}ä`));
        made.set(key, present);
        return present;
      });
      expect((await unzipped(pages)).equals(Buffer.concat(pages))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it("an unchanged page is compressed only once, however long its lines are", async () => {
  for (const length of [180, 200, 210]) {
    const kept = new LinePages();
    const labels = Array.from({ length: 3_000 }, (_, index) => `number="${String(index).padStart(5, "0")}"`);
    for (const one of labels) kept.set(one, `metric{${one}}`.padEnd(length - 1, "x") + "\n");
    const before = await kept.texts();
    expect(before.length).toBeGreaterThan(5);
    const [first, again] = [await gzipped([Buffer.from("head\n"), ...before]), await gzipped([Buffer.from("another\n"), ...before])];
    // Between the head of the file (with the short page) and its end.
    expect(first.length).toBe(before.length + 4);
    expect(first.slice(2, -2).every((blocks, index) => blocks === again[index + 2])).toBe(true);
    kept.set(labels[1_500]!, "metric 2\n");
    const after = await gzipped([Buffer.from("head\n"), ...(await kept.texts())]);
    expect(after.filter((blocks) => !first.includes(blocks)).length).toBeLessThanOrEqual(3);
  }
});

it("two concurrent answers share the compressed pages", async () => {
  const page = randomBytes(100_000);
  const [[, one], [, other]] = await Promise.all([gzipped([page]), gzipped([page])]);
  expect(one).toBe(other);
});

it("answers are compressed if the request accepts gzip", async () => {
  const { managementUrl } = await startInstance();
  const answer = async (encoding?: string) => {
    const request = get(`${managementUrl}/metrics`, { headers: encoding === undefined ? {} : { "accept-encoding": encoding } });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    const chunks: Buffer[] = [];
    for await (const chunk of response) chunks.push(chunk as Buffer);
    return { headers: response.headers, body: Buffer.concat(chunks) };
  };
  for (const encoding of [undefined, "br", "gzip;q=0"]) {
    const { headers, body } = await answer(encoding);
    expect(headers["content-encoding"]).toBe(undefined);
    expect(body.toString()).toContain("# TYPE github_workflow_jobs gauge");
  }
  const { headers, body } = await answer("deflate, gzip");
  expect(headers).toMatchObject({
    "content-encoding": "gzip",
    "content-length": String(body.length),
    "content-type": "text/plain; version=0.0.4; charset=utf-8",
  });
  expect(headers.vary).toMatch(/accept-encoding/i);
  expect(gunzipSync(body).toString()).toContain("# TYPE github_workflow_jobs gauge");
  // A second gzip implementation, which reads exactly one member.
  const { stdout } = await promisify(execFile)("curl", ["-sS", "--compressed", `${managementUrl}/metrics`]);
  expect(stdout).toContain("# TYPE github_workflow_jobs gauge");
});
