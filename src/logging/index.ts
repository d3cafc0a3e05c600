// The door of this room: log entries, levels and the damping of repeated failures.
export { logEntry, type LogFields } from "./fields.js";
export { deliveryLevel, isLogged, type LogConfig } from "./levels.js";
export { messageOf } from "./message-of.js";
export { Outage } from "./outage.js";
export { traceFields } from "./trace-fields.js";
