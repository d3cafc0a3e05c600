import type { PauseReason } from "./limits.js";

/** Result of a request; label of `octogauge_github_requests_total`. */
export type GitHubOutcome =
  | "ok"
  | "not_modified"
  | "gone"
  | "refused"
  | "limited"
  | "unauthorized"
  | "not_installed"
  | "invalid"
  | "server_error"
  | "no_answer";

/** A request failed. `gone`: 404 or 410; `limited`: no replica may send requests before `waitSeconds`. */
export class GitHubError extends Error {
  override readonly name = "GitHubError";

  constructor(
    message: string,
    readonly outcome: Exclude<GitHubOutcome, "ok">,
    readonly status: number | undefined,
    /** Seconds until the next attempt is useful; undefined if the caller decides. */
    readonly waitSeconds?: number,
  ) {
    super(message);
  }
}

/** Classifies an HTTP error; see https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api. */
export interface FailureKind {
  readonly outcome: Exclude<GitHubOutcome, "ok">;
  readonly pause?: { readonly reason: PauseReason; readonly seconds: number | undefined };
}

type ResponseHeaders = Readonly<Record<string, string | number | undefined>>;

/** @param status undefined if GitHub did not answer */
export function classify(status: number | undefined, headers: ResponseHeaders, message: string): FailureKind {
  if (status === undefined) return { outcome: "no_answer" };
  if (status === 304) return { outcome: "not_modified" };
  if (status === 401) return { outcome: "unauthorized", pause: { reason: "credentials", seconds: 300 } };
  if (status === 403 || status === 429) {
    const retryAfter = secondsOf(headers["retry-after"]);
    if (headers["x-ratelimit-remaining"] !== undefined && Number(headers["x-ratelimit-remaining"]) === 0 && retryAfter === undefined) {
      return { outcome: "limited", pause: { reason: "rate limit", seconds: resetsIn(headers) } };
    }
    if (status === 429 || retryAfter !== undefined || /secondary rate limit|abuse/i.test(message)) {
      return { outcome: "limited", pause: { reason: "secondary rate limit", seconds: retryAfter } };
    }
    return { outcome: "refused" };
  }
  if (status === 404 || status === 410) return { outcome: "gone" };
  return { outcome: status >= 500 ? "server_error" : "invalid" };
}

/** Seconds until the rate limit resets, by GitHub's clock if the answer has a date. */
export function resetsIn(headers: ResponseHeaders): number {
  const now = Date.parse(String(headers["date"] ?? "")) || Date.now();
  const reset = Number(headers["x-ratelimit-reset"]) * 1_000;
  // At most an hour, the period of GitHub's limits, even if the clocks differ.
  return Number.isFinite(reset) ? Math.min(3_600, Math.max(1, (reset - now) / 1_000 + 1)) : 60;
}

/** `Retry-After` is a number of seconds or a date. */
function secondsOf(value: string | number | undefined): number | undefined {
  if (value === undefined || value === "") return undefined;
  const seconds = Number.isFinite(Number(value)) ? Number(value) : (Date.parse(String(value)) - Date.now()) / 1_000;
  return Number.isFinite(seconds) ? Math.min(3_600, Math.max(1, seconds)) : undefined;
}
