/** A signed body is not the expected JSON. Operators read the message in the dead letter. */
export class UnexpectedPayload extends Error {
  override readonly name = "UnexpectedPayload";
}

/** Names of a repository, fit for labels. */
export interface Repository {
  readonly owner: string;
  readonly repo: string;
  readonly defaultBranch: string;
}

export type JsonObject = Readonly<Record<string, unknown>>;

/** In UTF-16 units. GitHub's names are shorter, and six values must fit into an index row. */
const MAX_LABEL_LENGTH = 128;

/** The object at `name`. @throws {UnexpectedPayload} */
export function object(parent: JsonObject, name: string): JsonObject {
  const value = parent[name];
  if (value === null || typeof value !== "object" || Array.isArray(value)) {
    throw new UnexpectedPayload(`${name} is ${kindOf(value)}, expected an object`);
  }
  return value as JsonObject;
}

export function maybeObject(parent: JsonObject, name: string): JsonObject | undefined {
  const value = parent[name];
  return value !== null && typeof value === "object" && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/** The text at `name` as a label value: shortened, well-formed, without control characters; "" if there is none. */
export function label(parent: JsonObject | undefined, name: string): string {
  return asLabel(parent?.[name]);
}

// oxlint-disable-next-line no-control-regex
const UNFIT = /[\u0000-\u0009\u000b-\u001f\u007f]|\p{Surrogate}/u;
// oxlint-disable-next-line no-control-regex
const ALL_UNFIT = new RegExp(UNFIT.source, "gu");

export const asLabel = (value: unknown): string => asText(value, MAX_LABEL_LENGTH);

/** Like {@link asLabel}, with another maximum length in UTF-16 units. */
export function asText(value: unknown, maxLength: number): string {
  if (typeof value !== "string") return "";
  const text = value.length > maxLength ? `${value.slice(0, maxLength - 1)}…` : value;
  // PostgreSQL does not store U+0000, and a lone surrogate is not valid UTF-8.
  return UNFIT.test(text) ? text.replace(ALL_UNFIT, "\ufffd") : text;
}

/** A positive id. @throws {UnexpectedPayload} */
export function id(parent: JsonObject, name: string): number {
  const value = parent[name];
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value <= 0) {
    throw new UnexpectedPayload(`${name} is ${kindOf(value)}, expected a positive whole number`);
  }
  return value;
}

/** The attempt number, or `unknown` if the payload has none (older GitHub servers omit it). */
export function attempt(parent: JsonObject, unknown: number): number {
  const value = parent["run_attempt"];
  if (value === undefined || value === null) return unknown;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1 || value > 1_000_000) {
    throw new UnexpectedPayload(`run_attempt is ${kindOf(value)}, expected a whole number from 1`);
  }
  return value;
}

/** Milliseconds since 1970; null if the member is not a time between 2000 and 2200. */
export function time(parent: JsonObject, name: string): number | null {
  const value = parent[name];
  if (typeof value !== "string") return null;
  const timeMs = Date.parse(value);
  return timeMs > 946_684_800_000 && timeMs < 7_258_118_400_000 ? timeMs : null;
}

/** @throws {UnexpectedPayload} if the payload names no repository */
export function repository(payload: JsonObject): Repository {
  const fields = object(payload, "repository");
  const fullName = typeof fields["full_name"] === "string" ? fields["full_name"] : "";
  const slash = fullName.indexOf("/");
  const owner = slash > 0 ? asLabel(fullName.slice(0, slash)) : label(maybeObject(fields, "owner"), "login");
  const repo = slash > 0 ? asLabel(fullName.slice(slash + 1)) : label(fields, "name");
  if (!owner || !repo) throw new UnexpectedPayload("repository has no full_name");
  return { owner, repo, defaultBranch: label(fields, "default_branch") };
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  return typeof value === "number" ? String(value) : `of type ${typeof value}`;
}
