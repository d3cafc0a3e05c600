/** A delivery as the ingest room hands it over: authentic (the HMAC held), otherwise unread. */
export interface Delivery {
  /** `X-GitHub-Delivery`: a GUID in lower case. */
  readonly id: string;
  /** `X-GitHub-Event`. */
  readonly event: string;
  /** `X-GitHub-Hook-ID`, where GitHub sent one. */
  readonly hookId: number | null;
  /** Whether the body is `application/x-www-form-urlencoded`, with the JSON in `payload`. */
  readonly form: boolean;
  /** The raw bytes as they were signed. */
  readonly body: Buffer;
  /** `X-Hub-Signature-256`, which goes along where the delivery waits elsewhere. */
  readonly signature?: string | undefined;
  /** When it came, in milliseconds since 1970, where that was not just now. */
  readonly receivedAt?: number | undefined;
  /** The context of its trace (tracing/traceparent.ts), where it is traced. */
  readonly traceparent?: string | undefined;
}

/** What became of an accepted delivery. */
export type Acceptance = "accepted" | "duplicate";

// No event of GitHub's has a dot in its name, and the ingest room takes none.
const EVENTS = { "workflow_run.lookup": "workflow_run", "workflow_job.lookup": "workflow_job" } as const;

export type LookupEvent = keyof typeof EVENTS;

/** Whether a delivery in the inbox is an answer to a question of ours. */
export const isLookupResult = (event: string): event is LookupEvent => Object.hasOwn(EVENTS, event);

/** The event whose payload a delivery has. */
export const payloadEventOf = (event: string): string => (isLookupResult(event) ? EVENTS[event] : event);
