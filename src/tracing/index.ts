// The door of this room: spans of this process, as OpenTelemetry defines them.
export { now } from "./clock.js";
export { exemplarOf, makeExemplarHistogramProvider } from "./exemplar.js";
export { contextOf, isSampled, traceparentOf } from "./traceparent.js";
export { end, Tracing } from "./tracing.js";
