/** The fields that a log line may have. Before adding one here, make sure that its value can contain no secret. */
export interface LogFields {
  /** `X-GitHub-Delivery`. */
  readonly delivery_id?: string | undefined;
  /** `X-GitHub-Event`. */
  readonly event?: string | undefined;
  /** `owner/name` in lower case, if the delivery names a repository. */
  readonly repository?: string | undefined;
  /** 32 hexadecimal digits. */
  readonly trace_id?: string | undefined;
  /** 16 hexadecimal digits. */
  readonly span_id?: string | undefined;
  /** The result, in one word. */
  readonly outcome?: string | undefined;
  /** HTTP status of the answer. */
  readonly status?: number | undefined;
  readonly duration_seconds?: number | undefined;
  /** Time since the delivery was received. */
  readonly age_seconds?: number | undefined;
  /** Time until the next attempt. */
  readonly pause_seconds?: number | undefined;
  /** Size of the body. */
  readonly bytes?: number | undefined;
  /** Number of deliveries that the line is about. */
  readonly deliveries?: number | undefined;
  /** Number of attempts so far, including this one. */
  readonly attempts?: number | undefined;
  /** The stage that failed; see FailureCause. */
  readonly source?: string | undefined;
  /** The name of a webhook in `GITHUB_HOOKS`. */
  readonly hook?: string | undefined;
  /** Any thrown value. Class, message and code are logged. */
  readonly error?: unknown;
}

// The type makes the compiler check that the names are the same as in LogFields.
const NAMES: Readonly<Record<keyof LogFields, true>> = {
  delivery_id: true,
  event: true,
  repository: true,
  trace_id: true,
  span_id: true,
  outcome: true,
  status: true,
  duration_seconds: true,
  age_seconds: true,
  pause_seconds: true,
  bytes: true,
  deliveries: true,
  attempts: true,
  source: true,
  hook: true,
  error: true,
};

export const mayBeLogged = (name: string): name is keyof LogFields => Object.hasOwn(NAMES, name);

/** A log line with fields. */
export class LogEntry {
  constructor(
    readonly message: string,
    readonly fields: LogFields,
  ) {}

  toString(): string {
    return this.message;
  }
}

/** Makes a log line with fields for one of Nest's loggers: `logger.warn(logEntry("a delivery is a dead letter", { delivery_id, … }))`. */
export const logEntry = (message: string, fields: LogFields): LogEntry => new LogEntry(message, fields);
