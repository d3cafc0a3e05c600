import { SECRET_VARIABLES } from "./variables.js";

/** What is shorter is in every other word. */
const SHORTEST = 4;
/** A header's value that is so long is a secret whatever its name. */
const LONG = 16;
const SOUNDS_SECRET = /auth|key|token|secret|password|cookie|credential/i;

/** Every secret that this process has been given so far; a rotated one is still one. */
const known = new Set<string>();
let pattern: RegExp | undefined;

/**
 * Remembers what must never be written down, from values of the configuration by the names of their variables.
 * @param values as they are parsed, or as they were given
 */
export function rememberSecrets(values: Readonly<Record<string, unknown>>): void {
  const before = known.size;
  for (const [name, value] of Object.entries(values))
    for (const text of texts(value)) {
      // An address is no secret, but its user's password is, whatever it is the address of.
      if (/_(URL|ENDPOINT)$/.test(name)) for (const part of partsOfUrl(text)) remember(part);
      else if (SECRET_VARIABLES.has(name)) for (const part of partsOf(text)) remember(part);
    }
  if (known.size !== before) pattern = undefined;
}

/** Matches all of them, the longest first; undefined where there is none. */
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

/** The text with each of them replaced. */
export function withoutSecrets(text: string): string {
  const found = secretPattern();
  return found ? text.replace(found, "[redacted]") : text;
}

function remember(text: string): void {
  // As it is, as a part of a URL, and as a part of JSON.
  for (const form of [text, encodeURIComponent(text.toWellFormed()), JSON.stringify(text).slice(1, -1)])
    if (form.length >= SHORTEST) known.add(form);
}

function texts(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (value === null || typeof value !== "object" || value instanceof Map) return [];
  if (Array.isArray(value)) return value.flatMap(texts);
  // Of headers, what only names a tenant is in other words as well.
  return Object.entries(value)
    .filter(([name, text]) => typeof text !== "string" || text.length >= LONG || SOUNDS_SECRET.test(name))
    .flatMap(([, text]) => texts(text));
}

/** A key of many lines is one by each of them; of `Bearer …` the token is one by itself. */
function partsOf(text: string): string[] {
  if (text.startsWith("-----")) return [text, ...text.split(/\r?\n/).filter((line) => line.length >= 16 && !line.startsWith("-----"))];
  const credentials = /^(?:bearer|basic|token)\s+(\S+)$/i.exec(text)?.[1];
  return credentials === undefined ? [text] : [text, credentials];
}

/** The password, or a user without one, which is NATS' way to write a token. */
function partsOfUrl(text: string): string[] {
  if (!URL.canParse(text)) {
    // Several hosts are no URL to node, but are one to PostgreSQL and NATS.
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
