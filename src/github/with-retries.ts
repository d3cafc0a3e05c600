import { setTimeout as sleep } from "node:timers/promises";
import { GitHubError } from "./failure.js";
import type { GitHubResponse, GitHub, GitHubRequest } from "./github.js";

const MAX_ATTEMPTS = 5;
/** Pause after the first attempt; it grows linearly. */
const BACKOFF_SECONDS = 2;

/**
 * Wraps a client for commands that can wait: a request waits out rate limits and retries transient failures.
 * @param waits called with the seconds before each wait for a rate limit
 */
export function withRetries(github: Pick<GitHub, "ask">, waits: (seconds: number) => void): Pick<GitHub, "ask"> {
  const ask = async (request: GitHubRequest): Promise<GitHubResponse> => {
    for (let attempt = 1; ;) {
      try {
        return await github.ask(request);
      } catch (error) {
        if (!(error instanceof GitHubError)) throw error;
        if (error.outcome === "limited" && error.waitSeconds !== undefined) {
          waits(error.waitSeconds);
          await sleep(1_000 * error.waitSeconds);
          continue;
        }
        const isTransient = error.outcome === "server_error" || error.outcome === "no_answer";
        if (!isTransient || attempt >= MAX_ATTEMPTS) throw error;
        await sleep(1_000 * BACKOFF_SECONDS * attempt);
        attempt += 1;
      }
    }
  };
  return { ask };
}
