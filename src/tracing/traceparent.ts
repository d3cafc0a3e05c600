import { type SpanContext, TraceFlags } from "@opentelemetry/api";

/**
 * A trace context as W3C `traceparent`: `00-<trace id>-<span id>-<flags>`. The inbox and the buffer store it with the delivery.
 * https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

// Ids of only zeros and version ff are invalid. Later versions may append to the text.
const FORM = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** @returns undefined if the text is not a valid traceparent */
export function contextOf(traceparent: string | null | undefined): SpanContext | undefined {
  const [, version, traceId, spanId, flags, more] = (traceparent && FORM.exec(traceparent)) || [];
  if (traceId === undefined || spanId === undefined || flags === undefined || (version === "00" && more !== undefined)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

export const isSampled = ({ traceFlags }: SpanContext): boolean => (traceFlags & TraceFlags.SAMPLED) !== 0;
