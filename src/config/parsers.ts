import { z } from "zod";
import { formatDuration, parseDuration } from "./duration.js";
import { RefusedValue } from "./refused.js";

/** Each parser turns one environment string into a typed value. Its error message lists the allowed values. */

export const port = (fallback: number) =>
  text(
    fallback,
    (value) => (isWhole(value) && Number(value) <= 65_535 ? Number(value) : undefined),
    "a whole number from 0 to 65535 (0 takes any free port)",
  );

export const whole = (fallback: number, least: number, most: number) =>
  text(
    fallback,
    (value) => (isWhole(value) && Number(value) >= least && Number(value) <= most ? Number(value) : undefined),
    `a whole number from ${least} to ${most}`,
  );

/** Seconds. */
export const duration = (fallback: number, least = 0, most = Infinity) =>
  text(
    fallback,
    (value) => {
      const seconds = parseDuration(value);
      return seconds !== undefined && seconds >= least && seconds <= most ? seconds : undefined;
    },
    most === Infinity
      ? `a duration of at least ${formatDuration(least)}, such as 30s, 10m, 6h or 7d`
      : `a duration from ${formatDuration(least)} to ${formatDuration(most)}`,
  );

export const choice = <const T extends string>(fallback: T, values: readonly T[]) =>
  text<T>(fallback, (value) => values.find((candidate) => candidate === value), values.join(", ").replace(/, ([^,]*)$/, " or $1"));

/** Entries separated by commas or line ends. Empty entries are dropped. */
export const list = () =>
  text<readonly string[]>(
    [],
    (value) =>
      value
        .split(/[,\n]/)
        .map((entry) => entry.trim())
        .filter(Boolean),
    "values separated by commas",
  );

export const optional = () => text<string | undefined>(undefined, (value) => value, "any text");

export const optionalUrl = (...protocols: string[]) =>
  text<string | undefined>(
    undefined,
    (value) => (URL.canParse(value) && protocols.includes(new URL(value).protocol) ? value : undefined),
    `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
  );

export const url = (fallback: string, ...protocols: string[]) =>
  text(
    fallback,
    (value) => (URL.canParse(value) && protocols.includes(new URL(value).protocol) ? value.replace(/\/+$/, "") : undefined),
    `a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(" or ")}`,
  );

/** `key=value` separated by commas, values percent-encoded, as in W3C baggage and OpenTelemetry. */
export const pairs = () => text(readPairs("")!, readPairs, "key=value, separated by commas, values percent-encoded");

/** Pairs whose values are valid in an HTTP header. The HTTP client would quote an invalid value, a secret, in its error. */
export const headers = () =>
  text(
    readPairs("")!,
    (value) => {
      const read = readPairs(value);
      return read && Object.values(read).every((content) => /^[\x20-\x7e]*$/.test(content)) ? read : undefined;
    },
    "key=value, separated by commas, values percent-encoded and of printable ASCII",
  );

function readPairs(value: string): Readonly<Record<string, string>> | undefined {
  const read: Record<string, string> = {};
  for (const entry of value.split(",").filter((part) => part.trim())) {
    const [, key, encoded] = /^\s*([^\s=]+)\s*=(.*)$/.exec(entry) ?? [];
    if (key === undefined || encoded === undefined) return undefined;
    try {
      read[key] = decodeURIComponent(encoded.trim());
    } catch {
      return undefined;
    }
  }
  const written = () => Object.entries(read).map(([key, content]) => `${key}=${encodeURIComponent(content)}`);
  return Object.defineProperty(read, "toString", { value: () => written().join(",") });
}

/** A custom parser. `read` returns undefined for an invalid value, or throws {@link RefusedValue} with a more precise message than `allowed`. */
export function text<T>(fallback: T, read: (value: string) => T | undefined, allowed: string) {
  return z
    .string()
    .optional()
    .transform((value, context): T => {
      if (value === undefined || value.trim() === "") return fallback;
      try {
        const parsed = read(value.trim());
        if (parsed !== undefined) return parsed;
        context.addIssue({ code: "custom", message: allowed });
      } catch (error) {
        if (!(error instanceof RefusedValue)) throw error;
        context.addIssue({ code: "custom", message: error.message });
      }
      return z.NEVER;
    });
}

const isWhole = (value: string) => /^\d{1,15}$/.test(value);
