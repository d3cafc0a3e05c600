import { secretPattern } from "../config/index.js";
import { mayBeLogged } from "./fields.js";

const REDACTED = "[redacted]";
const MAX_LENGTH = 4_000;
const MAX_STACK_LENGTH = 8_000;
const MAX_DEPTH = 4;

/** Text that looks like a secret: GitHub tokens, JSON Web Tokens, signatures, credentials in URLs and headers, private keys. */
const SECRET_PATTERNS = new RegExp(
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

// Line ends could fake another log line, and terminals execute other control characters.
// oxlint-disable-next-line no-control-regex
const CONTROLS = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]+/g;
// oxlint-disable-next-line no-control-regex
const CONTROLS_IN_STACK = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029]+/g;

/** Redacts secrets and replaces control characters, so that the text is one line. */
export const cleanText = (text: string): string => clipped(masked(text).replace(CONTROLS, " "), MAX_LENGTH);

/** Redacts the values of fields; an unknown field keeps only its name. */
export function cleanFields(fields: object, withStack: boolean, depth = 0): Record<string, unknown> {
  const clean: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined) continue;
    if (!mayBeLogged(name)) clean[cleanText(name)] = REDACTED;
    else clean[name] = name === "error" ? cleanError(value, withStack) : cleanValue(value, withStack, depth);
  }
  return clean;
}

/** Class, message, code, and optionally the stack. Other members are not logged: errors of libraries may contain whole requests or rows. */
export function cleanError(error: unknown, withStack: boolean): Record<string, unknown> {
  if (error === null || typeof error !== "object") return { message: cleanText(String(error)) };
  const { name, message, code, stack, errors } = error as Partial<Record<"name" | "message" | "code" | "stack" | "errors", unknown>>;
  // Of an AggregateError, such as one per address of a host, log the first error.
  if (!message && Array.isArray(errors) && errors.length > 0) return cleanError(errors[0], withStack);
  return {
    class: cleanText(typeof name === "string" ? name : "Error"),
    message: cleanText(typeof message === "string" ? message : ""),
    ...(typeof code === "string" || typeof code === "number" ? { code: cleanText(String(code)) } : {}),
    ...(withStack && typeof stack === "string" ? { stack: cleanStack(stack) } : {}),
  };
}

export const cleanStack = (stack: string): string => clipped(masked(stack).replace(CONTROLS_IN_STACK, " "), MAX_STACK_LENGTH);

function cleanValue(value: unknown, withStack: boolean, depth: number): unknown {
  if (typeof value === "string") return cleanText(value);
  if (value === null || typeof value === "boolean") return value;
  // Round seconds to microseconds.
  if (typeof value === "number") return Math.round(value * 1e6) / 1e6;
  if (typeof value === "bigint") return String(value);
  if (typeof value !== "object" || ArrayBuffer.isView(value) || depth >= MAX_DEPTH) return REDACTED;
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? null : value.toISOString();
  if (value instanceof Error) return cleanError(value, withStack);
  if (Array.isArray(value)) return value.map((entry: unknown) => cleanValue(entry, withStack, depth + 1));
  return cleanFields(value, withStack, depth + 1);
}

// Redact before shortening, because a part of a secret would not be recognised.
function masked(text: string): string {
  const known = secretPattern();
  return (known ? text.replace(known, REDACTED) : text).replace(SECRET_PATTERNS, REDACTED);
}

const clipped = (text: string, maxLength: number): string => (text.length > maxLength ? `${text.slice(0, maxLength)}…` : text);
