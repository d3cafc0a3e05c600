/** A delivery from the ingest room: its HMAC is valid, its body is not read yet. */
export interface Delivery {
  /** `X-GitHub-Delivery`: a GUID in lower case. */
  readonly id: string;
  /** `X-GitHub-Event`. */
  readonly event: string;
  /** `X-GitHub-Hook-ID`; null if GitHub sent none. */
  readonly hookId: number | null;
  /** Whether the body is `application/x-www-form-urlencoded`, with the JSON in `payload`. */
  readonly form: boolean;
  /** The raw bytes as they were signed. */
  readonly body: Buffer;
  /** `X-Hub-Signature-256`. The buffer stores it with the delivery. */
  readonly signature?: string | undefined;
  /** Time of receipt in milliseconds since 1970; undefined means now. */
  readonly receivedAt?: number | undefined;
  /** For traced deliveries: the trace context (tracing/traceparent.ts). */
  readonly traceparent?: string | undefined;
}

/** Result of storing a delivery: new, or already stored. */
export type Acceptance = "accepted" | "duplicate";
