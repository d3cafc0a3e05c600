/** The rate limit in GitHub's answer. */
export interface RateLimit {
  /** Requests per hour. */
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until the limit resets. */
  readonly resetsIn: number;
}

/** Reason of a pause. */
export type PauseReason = "rate limit" | "secondary rate limit" | "credentials";

export interface Wait {
  readonly seconds: number;
  readonly reason: PauseReason;
}

/** GitHub's limits, shared by the fleet. A principal is an identity with its own rate limit: `token`, `app`, or `installation:<id>`. */
export abstract class Limits {
  /**
   * @param reserve share (0 to 1) of the hourly limit to leave for other clients
   * @param fingerprint of the credentials
   * @returns the current pause of the principal, if there is one
   */
  abstract wait(principal: string, reserve: number, fingerprint: string): Promise<Wait | undefined>;

  abstract note(principal: string, rate: RateLimit): Promise<void>;

  /** @param seconds from GitHub; if undefined, each consecutive pause is longer @returns the seconds of the pause */
  abstract pause(principal: string, reason: PauseReason, seconds: number | undefined, fingerprint: string): Promise<number>;

  /** Call when GitHub accepted the credentials: ends a pause because of earlier ones. */
  abstract accepted(principal: string): Promise<void>;

  /** Takes a write slot. @returns 0 if taken; otherwise the seconds until the next slot */
  abstract takeWrite(): Promise<number>;
}
