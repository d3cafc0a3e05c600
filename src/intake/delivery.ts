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
