import type { MetricSnapshot } from "./process-totals.js";

/** Messages between the primary and a child. */
export type ToChild = { readonly octogauge: "metrics?"; readonly requestId: number };
export type ToPrimary =
  | { readonly octogauge: "ready"; readonly webhookUrl: string | undefined }
  | { readonly octogauge: "metrics"; readonly requestId: number; readonly metrics: readonly MetricSnapshot[] };

/** Whether a message is from Octogauge: Node.js and libraries use the same channel. */
export function isOurs<T extends ToChild | ToPrimary>(message: unknown): message is T {
  return typeof message === "object" && message !== null && "octogauge" in message;
}
