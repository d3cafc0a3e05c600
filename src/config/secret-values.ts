import { SECRET_VARIABLES } from "./variables.js";

/** Shorter secrets are not redacted, because they occur in ordinary words. */
const MIN_LENGTH = 4;
/** A header value of this length counts as a secret, whatever its name is. */
const SECRET_HEADER_LENGTH = 16;
const SECRET_NAME = /auth|key|token|secret|password|cookie|credential/i;

/** All secrets that this process has read so far, rotated ones included. */
const known = new Set<string>();
let pattern: RegExp | undefined;

/**
 * Remembers secrets, so that logs and errors redact them.
 * @param values parsed or raw values of the configuration, by variable
 */
export function rememberSecrets(values: Readonly<Record<string, unknown>>): void {
  const before = known.size;
  for (const [name, value] of Object.entries(values))
    for (const text of texts(value)) {
      // The address itself is not a secret, but its password is.
      if (/_(URL|ENDPOINT)$/.test(name)) for (const part of partsOfUrl(text)) remember(part);
      else if (SECRET_VARIABLES.has(name)) for (const part of partsOf(text)) remember(part);
    }
  if (known.size !== before) pattern = undefined;
}

/** Matches all known secrets, the longest first; undefined where there are none. */
export function secretPattern(): RegExp | undefined {
  if (known.size === 0) return undefined;
  pattern ??= new RegExp(
    [...known]
      .sort((a, b) => b.length - a.length)
      .map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&"))
      .join("|"),
    "g",
  );
  return pattern;
}

/** The text with all known secrets redacted. */
export function withoutSecrets(text: string): string {
  const found = secretPattern();
  return found ? text.replace(found, "[redacted]") : text;
}

function remember(text: string): void {
  // Plain, percent-encoded as in a URL, and escaped as in JSON.
  for (const form of [text, encodeURIComponent(text.toWellFormed()), JSON.stringify(text).slice(1, -1)])
    if (form.length >= MIN_LENGTH) known.add(form);
}

function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (value === null || typeof value !== "object" || value instanceof Map) return [];
  if (Array.isArray(value)) return value.flatMap(texts);
  // A short header value, such as the name of a tenant, is not a secret, and also occurs in ordinary text.
  return Object.entries(value)
    .filter(([name, text]) => typeof text !== "string" || text.length >= SECRET_HEADER_LENGTH || SECRET_NAME.test(name))
    .flatMap(([, text]) => texts(text));
}

/** Parts that are secret alone: each line of a key, and the token of `Bearer …`. */
function partsOf(text: string): string[] {
  if (text.startsWith("-----")) return [text, ...text.split(/\r?\n/).filter((line) => line.length >= 16 && !line.startsWith("-----"))];
  const credentials = /^(?:bearer|basic|token)\s+(\S+)$/i.exec(text)?.[1];
  return credentials === undefined ? [text] : [text, credentials];
}

/** The password of a URL, or its user where there is no password: NATS writes a token as the user. */
function partsOfUrl(text: string): string[] {
  if (!URL.canParse(text)) {
    // Node cannot parse a URL with several hosts, which PostgreSQL and NATS accept.
    const password = /^[a-z]+:\/\/[^/:@]*:([^/@]*)@/i.exec(text)?.[1] ?? "";
    const parameter = /[?&](?:ssl)?password=([^&]*)/.exec(text)?.[1] ?? "";
    return [password, decoded(password), parameter, decoded(parameter)].filter(Boolean);
  }
  const { protocol, username, password, searchParams } = new URL(text);
  const token = password === "" && ["nats:", "tls:"].includes(protocol) ? username : password;
  const parameters = [...searchParams].filter(([name]) => /password|secret|token/i.test(name)).map(([, value]) => value);
  return [token, decoded(token), ...parameters].filter(Boolean);
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
