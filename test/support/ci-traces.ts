import { onTestFinished } from "vitest";
import { SendLoop } from "../../src/ci-traces/send.loop.js";
import { type CiEvent, jobIdOf } from "./ci-run.js";
import { rowsOf } from "./database.js";
import { stillFleet } from "./fleet.js";
import { OtlpCollector, type OtlpProtocol, type ReceivedSpan } from "./otlp-collector.js";
import { at } from "./clock.js";
import { until } from "./wait.js";

const TEN = BigInt(Date.parse(at("10:00:00"))) * 1_000_000n;
const seconds = (time: bigint) => Number(time - TEN) / 1e9;

/** A span as a line of `expectedSpans`. */
export function lineOf(span: ReceivedSpan): string {
  const result = span.attributes["cicd.pipeline.result"] ?? span.attributes["cicd.pipeline.task.run.result"] ?? "-";
  const times = `${seconds(span.start)}-${seconds(span.end)}`;
  return `${span.parentSpanId || "-"} ${span.spanId} ${span.kind} ${span.status.code} ${times} ${String(result)} ${span.name}`;
}

/** The spans received for one trace, as lines. */
export const linesOf = (collector: OtlpCollector, traceId: string): string[] =>
  collector.spans
    .filter((span) => span.traceId === traceId)
    .map(lineOf)
    .sort();

/** Octogauge with CI_TRACES=on and a collector. The test runs the loops. */
export async function prepareTraces(overrides: Record<string, string> = {}, protocol: OtlpProtocol = "http/protobuf") {
  const collector = await OtlpCollector.start({ protocol });
  onTestFinished(() => collector.stop());
  const settings = { CI_TRACES: "on", CI_TRACES_SETTLE: "0", OTEL_TRACES_EXPORTER: "none", ...collector.environment, ...overrides };
  const fleet = await stillFleet(settings);
  const send = async () => {
    while ((await fleet.get(SendLoop).runOnce()) === "again");
  };
  /** Ends the leases and pauses of all traces. */
  const makeDue = () => rowsOf(fleet.url, "UPDATE octogauge.ci_trace_outbox SET due_at = now() WHERE due_at IS NOT NULL");
  return {
    ...fleet,
    samples: (prefix: string) => fleet.samples(prefix),
    collector,
    send,
    async deliverAll(events: readonly CiEvent[]) {
      for (const { event, payload } of events) await fleet.accept(event, payload);
      await fleet.process();
    },
    outbox: () =>
      rowsOf<{ due: boolean; sent: boolean; attempts: number; error: string }>(
        fleet.url,
        "SELECT due_at IS NOT NULL AS due, sent_at IS NOT NULL AS sent, attempts, error FROM octogauge.ci_trace_outbox ORDER BY run_id, run_attempt",
      ),
    jobs: async () => (await rowsOf(fleet.url, "SELECT FROM octogauge.ci_trace_jobs")).length,
    makeDue,
    /** Sends until the condition is true, because the loop pauses between rounds. */
    async sendUntil(isSo: () => boolean) {
      await until("traces that the collector takes", async () => {
        if (isSo()) return true;
        await makeDue();
        await send();
        return isSo();
      });
    },
  };
}

/** Whether an event belongs to a job of `ciRun(7)`. */
export const isJob = (index: number, action: string) => (event: CiEvent) =>
  event.payload["action"] === action && (event.payload["workflow_job"] as { id?: number } | undefined)?.id === jobIdOf(7, 1, index);
