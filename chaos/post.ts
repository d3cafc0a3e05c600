import { type Agent, request } from "node:http";
import { signatureOf } from "../src/simulator/post.js";
import { SECRET } from "./replica.js";
import { iterationBegan } from "./event-loop.js";

/** A delivery to post. The body may be arbitrary bytes. */
export interface Postable {
  readonly deliveryId: string;
  readonly event: string;
  readonly hookId: number;
  readonly body: string | Buffer;
  /** Computed beforehand for large bodies. */
  readonly signature?: string;
}

/** Result of one attempt; without a status there was no answer. */
export interface Attempt {
  readonly status: number | undefined;
  readonly text: string;
  readonly retryAfter: string | undefined;
  readonly error: string | undefined;
  /** Start time, by performance.now(). */
  readonly began: number;
  /** From writing the last byte of the request until the answer arrived; see event-loop.ts. */
  readonly seconds: number;
}

/** GitHub gives up after this time. */
const GITHUB_MS = 10_000;

/** Posts a signed delivery once; never rejects. */
export function postOnce(url: URL, delivery: Postable, agent: Agent): Promise<Attempt> {
  const body = typeof delivery.body === "string" ? Buffer.from(delivery.body) : delivery.body;
  const began = performance.now();
  let sent = began;
  return new Promise((resolve) => {
    const end = (status: number | undefined, text: string, retryAfter?: string, error?: string) => {
      clearTimeout(timer);
      resolve({ status, text, retryAfter, error, began, seconds: Math.max(0, iterationBegan() - sent) / 1_000 });
    };
    const fail = (error: NodeJS.ErrnoException) => end(undefined, "", undefined, error.code ?? error.message);
    const outgoing = request(url, {
      method: "POST",
      agent,
      headers: {
        "content-type": "application/json",
        "content-length": body.length,
        "x-github-event": delivery.event,
        "x-github-delivery": delivery.deliveryId,
        "x-github-hook-id": String(delivery.hookId),
        "x-hub-signature-256": delivery.signature ?? signatureOf(SECRET, body),
      },
    });
    const timer = setTimeout(() => outgoing.destroy(new Error("timeout: no answer")), GITHUB_MS);
    outgoing.on("error", fail);
    outgoing.on("finish", () => (sent = performance.now()));
    outgoing.on("response", (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (part: string) => (text += part));
      response.on("end", () => end(response.statusCode, text, response.headers["retry-after"]));
      response.on("error", fail);
      response.on("close", () => fail(new Error("the answer was incomplete")));
    });
    outgoing.end(body);
  });
}
