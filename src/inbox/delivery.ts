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
}

/** What became of an accepted delivery. */
export type Acceptance = "accepted" | "duplicate";

/** The lanes of the inbox, in the order in which they are emptied. */
export const LANES: readonly number[] = [0, 1];

/** The lane of an event. */
export function priorityOf(event: string): number {
  return event === "workflow_run" || event === "workflow_job" ? 0 : 1;
}
