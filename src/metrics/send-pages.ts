import type { ServerResponse } from "node:http";
import { pipeline } from "node:stream/promises";
import { setImmediate as nextTurn } from "node:timers/promises";
import { piecesOf } from "./pieces.js";

/** A scraper gives up after 10 s unless it is told otherwise (Prometheus: `scrape_timeout`); who reads for longer holds on to pages. Milliseconds. */
const PATIENCE_MS = 60_000;

/**
 * Answers with pages, a piece in a turn of the event loop, no faster than they are read: a scrape of megabytes, written at once, is 10 ms
 * in which nothing else is acknowledged. A reader that goes away is no error, and one that takes too long is cut off.
 */
export async function sendPages(
  response: ServerResponse,
  contentType: string,
  pages: readonly Buffer[],
  patience: number = PATIENCE_MS,
): Promise<void> {
  response.setHeader("content-type", contentType);
  response.setHeader(
    "content-length",
    pages.reduce((sum, { length }) => sum + length, 0),
  );
  await pipeline(inTurns(pages), response, { signal: AbortSignal.timeout(patience) }).catch(() => undefined);
}

async function* inTurns(pages: readonly Buffer[]): AsyncGenerator<Buffer> {
  for (const piece of piecesOf(pages)) {
    yield piece;
    await nextTurn();
  }
}
