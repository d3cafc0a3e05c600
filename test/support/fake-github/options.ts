import type { HookSpec } from "./hook.js";
import type { Fate } from "./hooks.js";

export interface FakeGitHubOptions {
  /** `explicit`: the caller calls `stop()`. By default it stops at the end of the vitest test. */
  readonly stop?: "explicit";
  /** The timeout of a receiver. Default 10 s, as at GitHub. */
  readonly postTimeoutMs?: number;
  /** The number of days in which an entry may be redelivered. Default 3. */
  readonly redeliverableDays?: number;
  /** The number of days that the log shows an entry. Default: forever. */
  readonly listedDays?: number;
  /** `delivered_at` of a redelivery. Default: the time of the redelivery. */
  readonly redeliveredAt?: () => Date;
}

/** The hooks that an event goes through, and its fate there. */
export interface EventRoute {
  readonly hooks: readonly HookSpec[];
  /** Default `deliver`. */
  readonly fate?: Fate;
  /** The log's delivery time. Default a minute ago, because the auditor skips newer entries. */
  readonly deliveredAt?: Date;
}
