import type { LogFields } from "./fields.js";

// https://www.w3.org/TR/trace-context/#traceparent-header; an id of zeros is invalid.
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The trace id and span id of a `traceparent`; empty if it is missing or invalid. */
export function traceFields(traceparent: string | null | undefined): Pick<LogFields, "trace_id" | "span_id"> {
  const [, trace_id, span_id] = (traceparent && TRACEPARENT.exec(traceparent)) || [];
  return trace_id === undefined ? {} : { trace_id, span_id };
}
