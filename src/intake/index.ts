// The door of this room: what a delivery is, and how it is stored. GroupCommit and BatchIntake are doors of their own.
export type { Pending } from "./accept.sql.js";
export type { Acceptance, Delivery } from "./delivery.js";
export { deliveryFields, pendingFields, receivedFields } from "./delivery-fields.js";
export { hookIdOf, isDeliveryId, isEventName } from "./delivery-headers.js";
export { heads, values } from "./heads.sql.js";
export { Intake } from "./intake.js";
export { DELAYED_LANES, isSurplus, LANES, PRIORITY_LANES, priorityOf } from "./lanes.js";
export { type LookupResult, putLookupResults } from "./lookup-results.js";
export { BYTES, type PayloadPlace, PLACE, placeOf, withPayloads } from "./payloads.sql.js";
export { probeInbox } from "./probe.sql.js";
export { RateLimiter } from "./rate-limiter.js";
export { signingSecret } from "./signature.js";
