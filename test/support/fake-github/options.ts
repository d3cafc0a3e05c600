import type { HookSpec } from "./hook.js";
import type { Fate } from "./hooks.js";

export interface FakeGitHubOptions {
  /** `explicit`: the caller calls `stop()`. By default the end of the vitest test does. */
  readonly stop?: "explicit";
  /** How long a receiver may take. GitHub's 10 s unless said. */
  readonly postTimeoutMs?: number;
  /** For how many days an entry may be redelivered. Default 3. */
  readonly redeliverableDays?: number;
  /** For how many days the log shows an entry. Default: for ever. */
  readonly listedDays?: number;
  /** `delivered_at` of a redelivery. Default: when it happens. */
  readonly redeliveredAt?: () => Date;
}

/** Through which hooks an event goes, and what becomes of it there. */
export interface Telling {
  readonly hooks: readonly HookSpec[];
  /** Default `deliver`. */
  readonly fate?: Fate;
  /** What the log says. Default a minute ago: the auditor leaves alone what is fresher. */
  readonly deliveredAt?: Date;
}
