// The door of this room: reading events and their projections.
export type { EventCounter, EventSink } from "./event-type.js";
export { EVENT_COUNTERS, foldEvent, type GitHubEvent, readEvent } from "./event-types.js";
export { asLabel, asText, type JsonObject, label, maybeObject, time, UnexpectedPayload } from "./fields.js";
export { isLookupResult, type LookupEvent, payloadEventOf } from "./lookup-event.js";
export { projectionOf } from "./project.js";
export { PULL_REQUESTS } from "./pull-request.js";
export { PUSH_COMMITS } from "./push.js";
export { parseBody, readProjection } from "./read.js";
export { repositoryOf, repositoryOfBytes } from "./repository-of.js";
export type { WorkflowJob } from "./workflow-job.js";
export type { WorkflowRun } from "./workflow-run.js";
