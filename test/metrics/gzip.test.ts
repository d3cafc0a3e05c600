import fc from "fast-check";
import { execFile } from "node:child_process";
import { get, type IncomingMessage } from "node:http";
import { once } from "node:events";
import { promisify } from "node:util";
import { gunzipSync } from "node:zlib";
import { expect, it } from "vitest";
import { gzipped } from "../../src/metrics/gzip.js";
import { startInstance } from "../support/octogauge.js";

/** Of one member and nothing behind it: `gunzipSync` would read several. */
async function unzipped(pages: readonly Buffer[]): Promise<Buffer> {
  const file = Buffer.concat(await gzipped(pages));
  const text = gunzipSync(file, { maxOutputLength: 50_000_000 });
  expect(file.indexOf(file.subarray(0, 10), 1)).toBe(-1);
  return text;
}

it("what was compressed page by page, now or before, is the text", async () => {
  const length = fc.constantFrom(0, 1, 100, 65_535, 65_536, 131_072, 200_000);
  const kept: Buffer[] = [];
  await fc.assert(
    fc.asyncProperty(fc.array(fc.tuple(length, fc.boolean(), fc.integer({ min: 0, max: 255 })), { maxLength: 12 }), async (shapes) => {
      const pages = shapes.map(([bytes, isKept, fill]) => {
        const page = (isKept ? kept.find(({ length }) => length === bytes) : undefined) ?? Buffer.alloc(bytes, `${fill}ä`);
        kept.push(page);
        return page;
      });
      expect((await unzipped(pages)).equals(Buffer.concat(pages))).toBe(true);
    }),
    { numRuns: 60 },
  );
});

it("a page that is kept is compressed once", async () => {
  const page = Buffer.alloc(100_000, "x");
  const [, first] = await gzipped([page]);
  const [, again] = await gzipped([page]);
  expect(again).toBe(first);
  const [, other] = await gzipped([Buffer.from(page)]);
  expect(other).not.toBe(first);
});

it("answers are compressed for those who ask for it", async () => {
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
  // Another implementation than node's; it reads one member and no more.
  const { stdout } = await promisify(execFile)("curl", ["-sS", "--compressed", `${managementUrl}/metrics`]);
  expect(stdout).toContain("# TYPE github_workflow_jobs gauge");
});
