import type { MetricSnapshot } from "./process-totals.js";

/** What is said between the primary and a child over their channel. */
export type ToChild = { readonly octogauge: "metrics?"; readonly question: number };
export type ToPrimary =
  | { readonly octogauge: "ready"; readonly webhookUrl: string | undefined }
  | { readonly octogauge: "metrics"; readonly question: number; readonly metrics: readonly MetricSnapshot[] };

/** Whether a message is one of ours: node and libraries use the channel as well. */
export function isOurs<T extends ToChild | ToPrimary>(message: unknown): message is T {
  return typeof message === "object" && message !== null && "octogauge" in message;
}
