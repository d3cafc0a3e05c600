/** What a log line may say beside its message. Whoever needs another name adds it here, and thinks of what will be in it. */
export interface LogFields {
  /** `X-GitHub-Delivery`. */
  readonly delivery_id?: string | undefined;
  /** `X-GitHub-Event`. */
  readonly event?: string | undefined;
  /** `owner/name` in lower case, where the delivery names one. */
  readonly repository?: string | undefined;
  /** 32 hexadecimal digits. */
  readonly trace_id?: string | undefined;
  /** 16 hexadecimal digits. */
  readonly span_id?: string | undefined;
  /** What became of it, in a word. */
  readonly outcome?: string | undefined;
  /** Of the HTTP answer. */
  readonly status?: number | undefined;
  readonly duration_seconds?: number | undefined;
  /** From its receipt on. */
  readonly age_seconds?: number | undefined;
  /** Until something is tried again. */
  readonly pause_seconds?: number | undefined;
  /** Of the body. */
  readonly bytes?: number | undefined;
  /** How many deliveries a line is about. */
  readonly deliveries?: number | undefined;
  /** How many it has had, this one included. */
  readonly attempts?: number | undefined;
  /** The stage that failed; see FailureCause. */
  readonly source?: string | undefined;
  /** A webhook by its name in `GITHUB_HOOKS`. */
  readonly hook?: string | undefined;
  /** Anything that was thrown, or its class and message. */
  readonly error?: unknown;
}

// The compiler holds the two lists together.
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

/** A log line with fields, for one of Nest's loggers: `logger.warn(logEntry("a delivery is a dead letter", { delivery_id, … }))`. */
export const logEntry = (message: string, fields: LogFields): LogEntry => new LogEntry(message, fields);
