import { setTimeout as sleep } from "node:timers/promises";
import { GitHubError } from "./failure.js";
import type { GitHubResponse, GitHub, GitHubRequest } from "./github.js";

/** Attempts at a request that GitHub does not answer, and the rest after the first, in seconds. */
const [MOST_ATTEMPTS, REST] = [5, 2];

/**
 * GitHub for whoever has time: each request waits for as long as GitHub says, and is tried again where it fails.
 * @param waits told for how many seconds nobody may ask
 */
export function patient(github: Pick<GitHub, "ask">, waits: (seconds: number) => void): Pick<GitHub, "ask"> {
  const ask = async (question: GitHubRequest): Promise<GitHubResponse> => {
    for (let attempt = 1; ;) {
      try {
        return await github.ask(question);
      } catch (error) {
        if (!(error instanceof GitHubError)) throw error;
        if (error.outcome === "limited" && error.waitSeconds !== undefined) {
          waits(error.waitSeconds);
          await sleep(1_000 * error.waitSeconds);
          continue;
        }
        const mayPass = error.outcome === "server_error" || error.outcome === "no_answer";
        if (!mayPass || attempt >= MOST_ATTEMPTS) throw error;
        await sleep(1_000 * REST * attempt);
        attempt += 1;
      }
    }
  };
  return { ask };
}
