import { setTimeout as sleep } from "node:timers/promises";
import { differences, parseExposition } from "./compare.js";

/** Options of a check. */
export interface CheckOptions {
  /** The address of /metrics. */
  readonly url: string;
  readonly token?: string | undefined;
  readonly expected: ReadonlyMap<string, number>;
  /** Only series of these owners are compared. */
  readonly owners: ReadonlySet<string>;
  /** Longest wait in seconds for the expected metrics. */
  readonly seconds: number;
  readonly signal?: AbortSignal | undefined;
}

/** The differences as sentences; empty if the metrics are as expected. */
export interface CheckResult {
  readonly differences: readonly string[];
  readonly seconds: number;
}

const pollIntervalMs = 500;

async function read(options: CheckOptions): Promise<{ found: string[]; settled: boolean }> {
  const timeout = AbortSignal.timeout(10_000);
  const response = await fetch(options.url, {
    headers: { accept: "text/plain;version=0.0.4", ...(options.token ? { authorization: `Bearer ${options.token}` } : {}) },
    signal: options.signal ? AbortSignal.any([timeout, options.signal]) : timeout,
  });
  if (!response.ok) throw new Error(`HTTP status ${response.status}`);
  const actual = parseExposition(await response.text());
  const pending = [...actual]
    .filter(([series]) => /^octogauge_(inbox_pending|retries|buffer_pending)\b/.test(series))
    .reduce((sum, [, value]) => sum + value, 0);
  return { found: differences(options.expected, actual, { owners: options.owners }), settled: pending === 0 };
}

/**
 * Reads /metrics until it is as expected and the inbox is empty, because pending duplicates could still be counted
 * twice. Stops after `seconds` and returns the differences of the last read.
 */
export async function checkMetrics(options: CheckOptions): Promise<CheckResult> {
  const begin = performance.now();
  for (;;) {
    let found: string[];
    let settled = false;
    try {
      ({ found, settled } = await read(options));
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
      found = [`${options.url} could not be read: ${error instanceof Error ? error.message : String(error)}${cause}.`];
    }
    const seconds = (performance.now() - begin) / 1000;
    const isOver = seconds >= options.seconds || (options.signal?.aborted ?? false);
    if (isOver || (settled && found.length === 0)) return { differences: found, seconds };
    await sleep(pollIntervalMs, undefined, options.signal ? { signal: options.signal } : {}).catch(() => undefined);
  }
}
