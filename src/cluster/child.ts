import { register } from "prom-client";
import type { MetricSnapshot } from "./process-totals.js";
import { isOurs, type ToChild, type ToPrimary } from "./messages.js";

/** Reports to the primary that this child is ready, and sends its metrics on request. */
export function reportToPrimary(webhookUrl: string | undefined): void {
  process.on("message", (message: unknown) => {
    if (!isOurs<ToChild>(message)) return;
    void register
      .getMetricsAsJSON()
      .then((metrics) => send({ octogauge: "metrics", requestId: message.requestId, metrics: metrics as unknown as MetricSnapshot[] }));
  });
  send({ octogauge: "ready", webhookUrl });
}

function send(message: ToPrimary): void {
  // The channel may be closing; then the primary no longer waits.
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
