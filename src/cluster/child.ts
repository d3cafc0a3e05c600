import { register } from "prom-client";
import type { MetricSnapshot } from "./process-totals.js";
import { isOurs, type ToChild, type ToPrimary } from "./messages.js";

/** Tells the primary that this child does its work, and answers when asked for its metrics. */
export function reportToPrimary(webhookUrl: string | undefined): void {
  process.on("message", (message: unknown) => {
    if (!isOurs<ToChild>(message)) return;
    void register
      .getMetricsAsJSON()
      .then((metrics) => say({ octogauge: "metrics", question: message.question, metrics: metrics as unknown as MetricSnapshot[] }));
  });
  say({ octogauge: "ready", webhookUrl });
}

function say(message: ToPrimary): void {
  // The channel may be closing; whoever asked no longer waits then.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
