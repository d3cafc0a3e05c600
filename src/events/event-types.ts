import { deploymentStatus } from "./deployment-status.js";
import type { EventCounter, EventFields, EventSink, EventType } from "./event-type.js";
import type { JsonObject } from "./fields.js";
import { payloadEventOf } from "./lookup-event.js";
import { other } from "./other.js";
import { pullRequest } from "./pull-request.js";
import { push } from "./push.js";
import { workflowJob } from "./workflow-job.js";
import { workflowRun } from "./workflow-run.js";

/** The event types that Octogauge reads, by `X-GitHub-Event`. */
const KNOWN = {
  workflow_job: workflowJob,
  workflow_run: workflowRun,
  push,
  pull_request: pullRequest,
  deployment_status: deploymentStatus,
};

/** All event types, by `kind`. */
export const EVENT_TYPES = { ...KNOWN, other };

/** An event as it was read from a body or a stored projection. */
export type GitHubEvent = ReturnType<(typeof EVENT_TYPES)[keyof typeof EVENT_TYPES]["read"]>;

const typeOf = (name: string): EventType<EventFields> =>
  (Object.hasOwn(EVENT_TYPES, name) ? EVENT_TYPES[name as keyof typeof EVENT_TYPES] : other) as EventType<EventFields>;

/** The counters of all event types. */
export const EVENT_COUNTERS: Readonly<Record<string, EventCounter>> = Object.assign(
  {},
  ...Object.values<EventType<EventFields>>(EVENT_TYPES).map(({ counters }) => counters),
);

/**
 * Reads a payload, or a stored projection of it.
 * @param event as it is stored; see {@link payloadEventOf}
 * @throws {UnexpectedPayload} naming the member that is not as expected
 */
export const readEvent = (event: string, payload: JsonObject, isStored = false): GitHubEvent =>
  typeOf(payloadEventOf(event)).read(payload, isStored) as GitHubEvent;

export const foldEvent = (event: GitHubEvent, sink: EventSink): void => typeOf(event.kind).fold(event, sink);
