import type { LogFields } from "./fields.js";

// https://www.w3.org/TR/trace-context/#traceparent-header; all zeros is no id.
const TRACEPARENT = /^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-[0-9a-f]{2}$/;

/** The trace and the span that a `traceparent` names; nothing where there is none. */
export function traceFields(traceparent: string | null | undefined): Pick<LogFields, "trace_id" | "span_id"> {
  const [, trace_id, span_id] = (traceparent && TRACEPARENT.exec(traceparent)) || [];
  return trace_id === undefined ? {} : { trace_id, span_id };
}
