// The door of this room: durable counters and histograms, and the catalogue of all metric families.
export { COUNTERS, type Family, GAUGES, HISTOGRAMS } from "./catalogue.js";
export { Counters } from "./counters.js";
export { actionLabel, eventLabel } from "./event-names.js";
export { LabelPolicy } from "./label-policy.js";
export { parseLabels, renderLabels } from "./labels.js";
export { MetricDelta } from "./metric-delta.js";
export { Rollup } from "./rollup.js";
