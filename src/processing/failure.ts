import { backoff } from "../background/backoff.js";
import { messageOf } from "../logging/index.js";
import { sqlState } from "../database/index.js";
import type { FailureCause } from "../dead-letters/dead-letters.sql.js";

/** The cause of a delivery that could not be applied. */
export function causeOf(error: unknown): FailureCause {
  const name = error instanceof Error ? error.name : "Error";
  return { source: "apply", errorClass: sqlState(error) ?? name, message: messageOf(error) };
}

const LONGEST_BACKOFF_SECONDS = 300;

/** Seconds until the next attempt. */
export const retryDelay = (firstSeconds: number, attempts: number): number => backoff(attempts, firstSeconds, LONGEST_BACKOFF_SECONDS);
