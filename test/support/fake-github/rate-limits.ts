import type { PrincipalName } from "./credentials.js";

export interface RateLimit {
  readonly limit: number;
  readonly remaining: number;
  readonly used: number;
  /** Whole seconds since 1970, as in the header. */
  readonly reset: number;
}

/** The values that a test may set. The others stay. */
export interface RateLimitChange {
  readonly limit?: number;
  readonly remaining?: number;
  readonly resetInSeconds?: number;
}

const DEFAULT_LIMIT = 5_000;
const WINDOW = 3_600;

const inSeconds = (seconds: number): number => Math.ceil(Date.now() / 1_000 + seconds);

/** The primary rate limit, with one window per principal. */
export class RateLimits {
  readonly #windows = new Map<PrincipalName, { limit: number; remaining: number; reset: number }>();

  set(principal: PrincipalName, change: RateLimitChange): void {
    const window = this.#window(principal);
    window.limit = change.limit ?? Math.max(window.limit, change.remaining ?? 0);
    window.remaining = change.remaining ?? Math.min(window.remaining, window.limit);
    if (change.resetInSeconds !== undefined) window.reset = inSeconds(change.resetInSeconds);
  }

  of(principal: PrincipalName): RateLimit {
    const { limit, remaining, reset } = this.#window(principal);
    return { limit, remaining, used: limit - remaining, reset };
  }

  /** An answer costs one request. This is not called for a 304, which is free. */
  charge(principal: PrincipalName): void {
    const window = this.#window(principal);
    window.remaining = Math.max(0, window.remaining - 1);
  }

  headers(principal: PrincipalName): Record<string, string> {
    const { limit, remaining, used, reset } = this.of(principal);
    return {
      "x-ratelimit-limit": String(limit),
      "x-ratelimit-remaining": String(remaining),
      "x-ratelimit-used": String(used),
      "x-ratelimit-reset": String(reset),
      "x-ratelimit-resource": "core",
    };
  }

  #window(principal: PrincipalName) {
    let window = this.#windows.get(principal);
    if (!window) {
      const limit = principal === "nobody" ? 60 : DEFAULT_LIMIT;
      window = { limit, remaining: limit, reset: inSeconds(WINDOW) };
      this.#windows.set(principal, window);
    }
    if (window.reset <= Date.now() / 1_000) {
      window.remaining = window.limit;
      window.reset = inSeconds(WINDOW);
    }
    return window;
  }
}
