import { createHmac } from "node:crypto";
import { Agent as HttpAgent, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { SimulatedDelivery } from "./model.js";

/** Outcome of one attempt to deliver. `failed`: no answer in time, or a status that allows a retry. */
export type PostOutcome = "accepted" | "duplicate" | "refused" | "failed";

/** The value of X-Hub-Signature-256 for a body. */
export function signatureOf(secret: string, body: string | Buffer): string {
  return `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
}

function outcomeOf(status: number, answer: string): PostOutcome {
  if (status >= 200 && status < 300) return answer.includes('"duplicate"') ? "duplicate" : "accepted";
  const comeAgain = status >= 500 || status === 408 || status === 429;
  return comeAgain ? "failed" : "refused";
}

/** Posts deliveries over keep-alive connections. */
export class Poster {
  readonly #secret: string;
  readonly #timeoutMs: number;
  readonly #http: HttpAgent;
  readonly #https: HttpsAgent;
  #firstTrouble: string | undefined;

  /** @param options `connections` is the limit per host */
  constructor(options: { readonly secret: string; readonly timeoutMs: number; readonly connections: number }) {
    this.#secret = options.secret;
    this.#timeoutMs = options.timeoutMs;
    const agent = { keepAlive: true, maxSockets: options.connections };
    this.#http = new HttpAgent(agent);
    this.#https = new HttpsAgent(agent);
  }

  /** Makes one attempt to deliver, as GitHub does. Never rejects: an error gives the outcome `failed`. */
  post(url: URL, delivery: SimulatedDelivery): Promise<PostOutcome> {
    const body = Buffer.from(delivery.body);
    const secure = url.protocol === "https:";
    return new Promise((resolve) => {
      const request = (secure ? httpsRequest : httpRequest)(url, {
        method: "POST",
        agent: secure ? this.#https : this.#http,
        headers: {
          "content-type": "application/json",
          "content-length": body.length,
          "user-agent": "GitHub-Hookshot/simulated",
          "x-github-event": delivery.event,
          "x-github-delivery": delivery.deliveryId,
          "x-github-hook-id": String(delivery.hookId),
          "x-github-hook-installation-target-type": "organization",
          "x-hub-signature-256": signatureOf(this.#secret, body),
        },
      });
      const timer = setTimeout(() => request.destroy(new Error(`no answer within ${this.#timeoutMs / 1_000} s`)), this.#timeoutMs);
      const finish = (outcome: PostOutcome, trouble?: string) => {
        clearTimeout(timer);
        this.#firstTrouble ??= trouble;
        resolve(outcome);
      };
      request.on("error", (error: NodeJS.ErrnoException) => finish("failed", `${url.origin}: ${error.message || error.code}`));
      request.on("response", (response) => {
        let answer = "";
        response.setEncoding("utf8");
        response.on("data", (text: string) => {
          if (answer.length < 1000) answer += text;
        });
        response.on("end", () => {
          const status = response.statusCode ?? 0;
          const outcome = outcomeOf(status, answer);
          finish(outcome, outcome === "refused" || outcome === "failed" ? `${status} ${answer.trim()}` : undefined);
        });
        response.on("error", () => finish("failed"));
        // A connection that breaks during an answer may emit only `close`.
        response.on("close", () => finish("failed"));
      });
      request.end(body);
    });
  }

  /** Description of the first attempt without a 2xx. */
  get firstTrouble(): string | undefined {
    return this.#firstTrouble;
  }

  /** Closes all connections. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }
}
