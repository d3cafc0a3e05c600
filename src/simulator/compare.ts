import { coveredMetrics } from "./expected.js";

// Matches label values by their quotes, because values may contain braces and spaces.
const label = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*"`;
const sampleLine = new RegExp(String.raw`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:${label},?)*)\})?\s+(\S+)(?:\s+.*)?$`);
const boundLabel = /(^|,)le="([^"]+)"/;

/**
 * Parses a Prometheus text exposition into values by series text, in the form of Expectation.series(). Bounds
 * are normalized (`1.0` to `1`).
 * @throws SyntaxError for a line that is neither comment nor sample
 */
export function parseExposition(text: string): Map<string, number> {
  const series = new Map<string, number>();
  for (const line of text.split("\n")) {
    if (line.trim() === "" || line.startsWith("#")) continue;
    const match = sampleLine.exec(line.trim());
    if (!match) throw new SyntaxError(`Not a sample of a Prometheus exposition: ${line}`);
    const [, name = "", rawLabels = "", value = ""] = match;
    const labels = rawLabels.replace(/,$/, "").replace(boundLabel, (_, comma: string, bound: string) => {
      return `${comma}le="${bound === "+Inf" ? bound : Number(bound)}"`;
    });
    const key = labels === "" ? name : `${name}{${labels}}`;
    series.set(key, Number(value.replace("Inf", "Infinity")));
  }
  return series;
}

export interface CompareOptions {
  /**
   * Compares only series of these owners, for a server that also receives other traffic. Default: all series.
   */
  readonly owners?: ReadonlySet<string>;
}

function isCovered(key: string): boolean {
  const name = key.split("{", 1)[0] ?? key;
  return coveredMetrics.has(name) || coveredMetrics.has(name.replace(/_(bucket|sum|count)$/, ""));
}

function isClose(a: number, b: number): boolean {
  // Sums may differ by rounding, because the order of addition differs.
  return a === b || Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}

/**
 * Lists the differences of a scrape, one sentence each; empty if it is as expected. A missing series equals 0.
 * Metrics without an expectation are ignored.
 */
export function differences(
  expected: ReadonlyMap<string, number>,
  actual: ReadonlyMap<string, number>,
  options: CompareOptions = {},
): string[] {
  const { owners } = options;
  const counts = (key: string): boolean => {
    const owner = /[{,]owner="([^"]*)"/.exec(key)?.[1];
    return owners === undefined || (owner !== undefined && owners.has(owner));
  };
  const findings: string[] = [];
  for (const [key, wanted] of expected) {
    const found = actual.get(key);
    if (!counts(key)) continue;
    if (found === undefined && wanted !== 0) findings.push(`${key} is missing; expected ${wanted}.`);
    if (found !== undefined && !isClose(found, wanted)) findings.push(`${key} is ${found}; expected ${wanted}.`);
  }
  for (const [key, found] of actual) {
    if (found === 0 || expected.has(key) || !isCovered(key) || !counts(key)) continue;
    findings.push(`${key} is ${found}, but was not expected at all.`);
  }
  return findings;
}
