import { sqlState } from "../database/errors.js";
import type { FailureCause } from "../dead-letters/dead-letters.sql.js";

const LONGEST_BACKOFF_SECONDS = 300;

/** Why a delivery could not be applied. */
export function causeOf(error: unknown): FailureCause {
  const name = error instanceof Error ? error.name : "Error";
  return { source: "apply", errorClass: sqlState(error) ?? name, message: messageOf(error) };
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/**
 * Seconds to wait after a failed attempt: full jitter, doubled each time, so that what failed together does not come
 * back together ("Exponential Backoff And Jitter", AWS Architecture Blog).
 */
export function backoff(first: number, attempts: number): number {
  return Math.random() * Math.min(LONGEST_BACKOFF_SECONDS, first * 2 ** (attempts - 1));
}
