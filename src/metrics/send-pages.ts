import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { piecesOf } from "./pieces.js";

/** A slow reader keeps pages in memory, so it is cut off. Prometheus' default `scrape_timeout` is 10 s. */
const SEND_TIMEOUT_MS = 60_000;

/**
 * Sends pages piece by piece with backpressure, and yields to the event loop after each piece. Writing megabytes at once would
 * block other requests. A closed connection is not an error.
 */
export async function sendPages(
  response: ServerResponse,
  contentType: string,
  pages: readonly Buffer[],
  timeoutMs: number = SEND_TIMEOUT_MS,
): Promise<void> {
  response.setHeader("content-type", contentType);
  response.setHeader(
    "content-length",
    pages.reduce((sum, { length }) => sum + length, 0),
  );
  await pipeline(piecewise(pages), response, { signal: AbortSignal.timeout(timeoutMs) }).catch(() => undefined);
}

async function* piecewise(pages: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of piecesOf(pages)) {
    yield piece;
    await yieldToEventLoop();
  }
}
