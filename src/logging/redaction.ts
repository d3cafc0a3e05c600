import { secretPattern } from "../config/index.js";
import { mayBeLogged } from "./fields.js";

const REDACTED = "[redacted]";
const LONGEST = 4_000;
const LONGEST_STACK = 8_000;
const DEEPEST = 4;

/** What looks like a secret, though nobody told us: GitHub's tokens, JSON Web Tokens, signatures, users and passwords in addresses, credentials of a header, keys. */
const LIKE_SECRETS = new RegExp(
  [
    String.raw`\b(?:gh[a-z]_|github_pat_)\w{10,}`,
    String.raw`\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*`,
    String.raw`\bsha(?:1|256)=[0-9a-f]{20,}`,
    String.raw`(?<=:\/\/)[^\s/@"']+(?=@)`,
    String.raw`(?<=\b(?:Bearer|Basic)\s)[\w.~+/=-]{8,}`,
    String.raw`-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?`,
  ].join("|"),
  "gi",
);

// A line end could pretend to be another line, and a terminal obeys the rest.
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;
// oxlint-disable-next-line no-control-regex
const CONTROLS_IN_STACK = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** A text as it may be logged: without secrets, in one line. */
export const cleanText = (text: string): string => clipped(masked(text).replace(CONTROLS, " "), LONGEST);

/** LogFields as they may be logged; those whose name is not known keep it and nothing else. */
export function cleanFields(fields: object, withStack: boolean, depth = 0): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (!mayBeLogged(name)) clean[cleanText(name)] = REDACTED;
    else clean[name] = name === "error" ? cleanError(value, withStack) : cleanValue(value, withStack, depth);
  }
  return clean;
}

/** Class, message and code, and the stack on demand. Errors of libraries carry whole requests and rows: nothing else of them is read. */
export function cleanError(error: unknown, withStack: boolean): Record<string, unknown> {
  if (error === null || typeof error !== "object") return { message: cleanText(String(error)) };
  const { name, message, code, stack, errors } = error as Partial<Record<"name" | "message" | "code" | "stack" | "errors", unknown>>;
  // Of several that came at once, such as of each address of a name, the first one speaks.
  if (!message && Array.isArray(errors) && errors.length > 0) return cleanError(errors[0], withStack);
  return {
    class: cleanText(typeof name === "string" ? name : "Error"),
    message: cleanText(typeof message === "string" ? message : ""),
    ...(typeof code === "string" || typeof code === "number" ? { code: cleanText(String(code)) } : {}),
    ...(withStack && typeof stack === "string" ? { stack: cleanStack(stack) } : {}),
  };
}

export const cleanStack = (stack: string): string => clipped(masked(stack).replace(CONTROLS_IN_STACK, " "), LONGEST_STACK);

function cleanValue(value: unknown, withStack: boolean, depth: number): unknown {
  if (typeof value === "string") return cleanText(value);
  if (value === null || typeof value === "boolean") return value;
  // Of seconds, microseconds.
  if (typeof value === "number") return Math.round(value * 1e6) / 1e6;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || ArrayBuffer.isView(value) || depth >= DEEPEST) return REDACTED;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Error) return cleanError(value, withStack);
  if (Array.isArray(value)) return value.map((entry: unknown) => cleanValue(entry, withStack, depth + 1));
  return cleanFields(value, withStack, depth + 1);
}

// Before it is clipped: of half a secret nothing would be recognised.
function masked(text: string): string {
  const known = secretPattern();
  return (known ? text.replace(known, REDACTED) : text).replace(LIKE_SECRETS, REDACTED);
}

const clipped = (text: string, most: number): string => (text.length > most ? `${text.slice(0, most)}…` : text);
