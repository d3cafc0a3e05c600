/** Results of look-ups are stored as deliveries of these events. GitHub's event names have no dot, and ingest refuses a name with a dot. */
const LOOKUP_EVENTS = { "workflow_run.lookup": "workflow_run", "workflow_job.lookup": "workflow_job" } as const;

export type LookupEvent = keyof typeof LOOKUP_EVENTS;

/** Whether a stored delivery is the result of a look-up. */
export const isLookupResult = (event: string): event is LookupEvent => Object.hasOwn(LOOKUP_EVENTS, event);

/** The GitHub event whose payload format a stored delivery has. */
export const payloadEventOf = (event: string): string => (isLookupResult(event) ? LOOKUP_EVENTS[event] : event);
