import type { IncomingMessage } from "node:http";
import type { Admission } from "./admission.js";

/** Why a body could not be read whole. */
export type BodyFailure = "too-large" | "over-budget" | "aborted";

/**
 * Reads the raw bytes, counting while reading: a Content-Length is a claim, not a fact.
 * @param most bytes
 */
export function readRawBody(request: IncomingMessage, most: number, admission: Admission): Promise<Buffer | BodyFailure> {
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    let failed = false;
    const fail = (failure: BodyFailure) => {
      failed = true;
      chunks.length = 0;
      resolve(failure);
    };
    request.on("data", (chunk: Buffer) => {
      if (failed) return;
      bytes += chunk.length;
      if (bytes > most) fail("too-large");
      else if (!admission.grow(chunk.length)) fail("over-budget");
      else chunks.push(chunk);
    });
    // After a failure these resolve a promise that is settled already.
    request.on("end", () => !failed && resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, bytes)));
    request.on("close", () => fail("aborted"));
    request.on("error", () => fail("aborted"));
  });
}
