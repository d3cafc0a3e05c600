/** Maps GitHub's conclusions to OpenTelemetry's CI/CD conventions. Other conclusions stay unchanged. */
const RESULTS: Readonly<Record<string, string>> = {
  success: "success",
  neutral: "success",
  failure: "failure",
  cancelled: "cancellation",
  skipped: "skip",
  timed_out: "timeout",
  // Caused by GitHub, not by the workflow.
  startup_failure: "error",
  stale: "error",
  "": "unknown",
};

const ERRORS = new Set(["failure", "timeout", "error"]);

/** How a run, a job or a step ended. */
export interface Ending {
  readonly result: string;
  readonly isError: boolean;
}

export function endingOf(conclusion: string): Ending {
  const result = Object.hasOwn(RESULTS, conclusion) ? (RESULTS[conclusion] ?? "") : conclusion;
  return { result, isError: ERRORS.has(result) };
}
