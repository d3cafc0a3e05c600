import { createHmac } from "node:crypto";
import type { Delivery } from "./delivery-log.js";
import type { Hook } from "./hook.js";

/** The result of a delivery, as the log shows it. */
export interface PostOutcome {
  readonly status: string;
  readonly status_code: number;
  /** Seconds. */
  readonly duration: number;
}

export const delivered: PostOutcome = { status: "OK", status_code: 200, duration: 0.05 };
export const unreachable: PostOutcome = { status: "failed to connect to host", status_code: 502, duration: 0.01 };

/** The headers GitHub sends. */
export function hookHeaders(hook: Hook, delivery: Delivery): Record<string, string> {
  return {
    "content-type": "application/json",
    "user-agent": "GitHub-Hookshot/fake",
    "x-github-delivery": delivery.deliveryId,
    "x-github-event": delivery.event,
    "x-github-hook-id": String(hook.id),
    "x-github-hook-installation-target-id": String(hook.id),
    "x-github-hook-installation-target-type": hook.kind,
    "x-hub-signature-256": `sha256=${createHmac("sha256", hook.target.secret).update(delivery.body).digest("hex")}`,
  };
}

/** Posts a delivery once. Never rejects and never retries, as GitHub. */
export async function post(hook: Hook, delivery: Delivery, timeoutMs: number): Promise<PostOutcome> {
  const begin = performance.now();
  const outcome = (status: string, status_code: number): PostOutcome => ({
    status,
    status_code,
    duration: Math.round(performance.now() - begin) / 1_000,
  });
  try {
    const { body } = delivery;
    const response = await fetch(hook.target.webhookUrl, {
      method: "POST",
      headers: hookHeaders(hook, delivery),
      body: typeof body === "string" ? body : new Uint8Array(body),
      redirect: "manual",
      signal: AbortSignal.timeout(timeoutMs),
    });
    await response.arrayBuffer();
    return response.ok ? outcome("OK", response.status) : outcome(`Invalid HTTP Response: ${response.status}`, response.status);
  } catch (error) {
    return error instanceof Error && error.name === "TimeoutError" ? outcome("timed out", 504) : outcome(unreachable.status, 502);
  }
}
