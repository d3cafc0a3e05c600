/** A JSON object of unknown content. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The value when it is a JSON object, else undefined. */
export function asObject(value: unknown): JsonObject | undefined {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as JsonObject) : undefined;
}

/** The value when it is a string, else undefined. */
export function asText(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}

/** The value when it is a number, else undefined. */
export function asNumber(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}

/** Seconds since 1970 of an ISO time, else undefined. */
export function asSeconds(value: unknown): number | undefined {
  const milliseconds = typeof value === "string" ? Date.parse(value) : Number.NaN;
  return Number.isNaN(milliseconds) ? undefined : milliseconds / 1000;
}

/** The fields of a repository for label sets. */
export interface SimulatedName {
  readonly owner: string;
  readonly repo: string;
  readonly fullName: string;
  readonly defaultBranch: string | undefined;
}

/** The top-level repository of a payload; undefined if it has no name. */
export function readRepository(payload: JsonObject): SimulatedName | undefined {
  const repository = asObject(payload["repository"]);
  const fullName = asText(repository?.["full_name"]);
  if (fullName === undefined) return undefined;
  const slash = fullName.indexOf("/");
  return {
    owner: fullName.slice(0, slash),
    repo: fullName.slice(slash + 1),
    fullName,
    defaultBranch: asText(repository?.["default_branch"]),
  };
}
