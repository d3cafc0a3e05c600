import type { OtlpCollector, ReceivedSpan } from "./otlp-collector.js";

const TEN = BigInt(Date.parse("2026-11-01T10:00:00Z")) * 1_000_000n;
const seconds = (time: bigint) => Number(time - TEN) / 1e9;

/** A span as a line of `expectedSpans`. */
export function lineOf(span: ReceivedSpan): string {
  const result = span.attributes["cicd.pipeline.result"] ?? span.attributes["cicd.pipeline.task.run.result"] ?? "-";
  const times = `${seconds(span.start)}-${seconds(span.end)}`;
  return `${span.parentSpanId || "-"} ${span.spanId} ${span.kind} ${span.status.code} ${times} ${String(result)} ${span.name}`;
}

/** What was taken of one trace, as lines. */
export const linesOf = (collector: OtlpCollector, traceId: string): string[] =>
  collector.spans
    .filter((span) => span.traceId === traceId)
    .map(lineOf)
    .sort();
