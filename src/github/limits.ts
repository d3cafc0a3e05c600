/** What GitHub's answer said of the rate limit. */
export interface RateLimit {
  /** Requests an hour. */
  readonly limit: number;
  readonly remaining: number;
  /** Seconds until it is full again. */
  readonly resetsIn: number;
}

/** Why nobody may ask for a while. */
export type PauseReason = "rate limit" | "secondary rate limit" | "credentials";

export interface Wait {
  readonly seconds: number;
  readonly reason: PauseReason;
}

/**
 * What all processes of the fleet obey together. A principal is whom GitHub counts requests for: `token`, `app`, or
 * `installation:<id>`.
 */
export abstract class Limits {
  /**
   * @param reserve share (0 to 1) of the hourly limit that is to be left for others
   * @param fingerprint of the credentials
   * @returns what keeps this principal from asking, if anything does
   */
  abstract wait(principal: string, reserve: number, fingerprint: string): Promise<Wait | undefined>;

  abstract note(principal: string, rate: RateLimit): Promise<void>;

  /** @param seconds as GitHub said; undefined where it said nothing, then longer each time in a row. @returns for how long, in seconds */
  abstract pause(principal: string, reason: PauseReason, seconds: number | undefined, fingerprint: string): Promise<number>;

  /** The credentials of this principal are good: a pause for those before them is over. */
  abstract accepted(principal: string): Promise<void>;

  /** Takes the turn to write. @returns seconds to wait and ask again, 0 where the turn is ours */
  abstract takeWrite(): Promise<number>;
}
