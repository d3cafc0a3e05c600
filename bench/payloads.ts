import { createHmac } from "node:crypto";
import { generateHistory } from "../src/simulator/history.js";

export const SECRET = "benchmark";

/** A signed body to be sent again and again under new ids. */
export interface Signed {
  readonly event: string;
  readonly body: Buffer;
  readonly signature: string;
}

/** A few hundred run and job events of GitHub's size: jobs of 7 to 12 KB, runs of 15 to 25 KB, in a history's own proportion. */
export function signedPayloads(count = 300): Signed[] {
  const payloads: Signed[] = [];
  for (const { event, body } of generateHistory({ seed: 7, deliveries: count * 3, pad: true, duplicateRate: 0, secondHookRate: 0 })) {
    if (event !== "workflow_job" && event !== "workflow_run") continue;
    const bytes = Buffer.from(body);
    payloads.push({ event, body: bytes, signature: `sha256=${createHmac("sha256", SECRET).update(bytes).digest("hex")}` });
    if (payloads.length === count) break;
  }
  return payloads;
}

export const meanBytes = (payloads: readonly Signed[]): number =>
  payloads.reduce((sum, { body }) => sum + body.length, 0) / payloads.length;
