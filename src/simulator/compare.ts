import { coveredMetrics } from "./expected.js";

// Label values may hold anything, also braces and spaces, so they are matched by their quotes.
const label = String.raw`[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\.)*"`;
const sampleLine = new RegExp(String.raw`^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{((?:${label},?)*)\})?\s+(\S+)(?:\s+.*)?$`);
const boundLabel = /(^|,)le="([^"]+)"/;

/**
 * Reads a Prometheus text exposition into series by their text, as the fold writes them. Bounds
 * are written alike (`1.0` as `1`). Throws on a line that is neither comment nor sample.
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
   * Only series of these owners count, for a server that others feed too. Without it everything must be equal.
   */
  readonly owners?: ReadonlySet<string>;
}

function isCovered(key: string): boolean {
  const name = key.split("{", 1)[0] ?? key;
  return coveredMetrics.has(name) || coveredMetrics.has(name.replace(/_(bucket|sum|count)$/, ""));
}

function isClose(a: number, b: number): boolean {
  // A sum may be added up in another order; a millionth is less than any single observation.
  return a === b || Math.abs(a - b) <= 1e-9 * Math.max(Math.abs(a), Math.abs(b));
}

/**
 * What is wrong with a scrape, one sentence each; empty when all is as expected. A series at 0 and a
 * series that is absent say the same. Metrics the fold does not know are passed over.
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
