import { type SpanContext, TraceFlags } from "@opentelemetry/api";

/**
 * A trace context as text, the way W3C writes it in the header `traceparent`: `00-<trace id>-<span id>-<flags>`. It goes with
 * a delivery, through the inbox and the buffer. https://www.w3.org/TR/trace-context/#traceparent-header
 */
export function traceparentOf({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, "0")}`;
}

// Ids of zeros alone are none. A version to come may add to the text, not change its beginning; ff is none.
const FORM = /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/** @returns undefined where it is none */
export function contextOf(traceparent: string | null | undefined): SpanContext | undefined {
  const [, version, traceId, spanId, flags, more] = (traceparent && FORM.exec(traceparent)) || [];
  if (traceId === undefined || spanId === undefined || flags === undefined || (version === "00" && more !== undefined)) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
}

export const isSampled = ({ traceFlags }: SpanContext): boolean => (traceFlags & TraceFlags.SAMPLED) !== 0;
