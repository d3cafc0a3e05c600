import { createHash } from "node:crypto";

/** An attempt of a run. */
export interface AttemptKey {
  readonly runId: number;
  readonly runAttempt: number;
}

/**
 * The trace id of an attempt in hex, the same for every send. Jobs can compute it from GITHUB_RUN_ID and
 * GITHUB_RUN_ATTEMPT (docs/observability.md), so the formula must never change.
 */
export const traceIdOf = ({ runId, runAttempt }: AttemptKey): string => hash(`octogauge:${runId}:${runAttempt}`, 16);

/** @param part of the attempt, such as `run` or `job:7:step:3` */
export const spanIdOf = ({ runId, runAttempt }: AttemptKey, part: string): string => hash(`octogauge:${runId}:${runAttempt}:${part}`, 8);

/** An id of only zeros is invalid (W3C Trace Context). */
function hash(text: string, bytes: number): string {
  const id = createHash("sha256").update(text).digest().subarray(0, bytes);
  if (id.every((byte) => byte === 0)) id[bytes - 1] = 1;
  return id.toString("hex");
}
