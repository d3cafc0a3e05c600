/** Limits in deliveries per second. */
export interface RateLimitSettings {
  /** By owner in lower case. `*` is the limit of each other owner. */
  readonly owners: ReadonlyMap<string, number>;
  /** By `owner/name` in lower case. `owner/*` is the limit of each other repository of the owner, `*\/*` of each other repository. */
  readonly repositories: ReadonlyMap<string, number>;
  /** The same settings as text. */
  toString(): string;
}

export const NO_LIMITS: RateLimitSettings = { owners: new Map(), repositories: new Map(), toString: () => "" };

export const RATE_LIMIT_FORMS =
  "owner=rate, owner/name=rate, owner/*=rate, */*=rate (each repository) or *=rate (each owner), separated by commas, each once; rates above 0 in deliveries per second, such as 10 or 0.5";

const ENTRY = /^(?:(\*|[\w.-]+)|(\*\/\*|[\w.-]+\/(?:\*|[\w.-]+)))\s*=\s*(\d{1,7}(?:\.\d{1,4})?)$/;

/** @returns undefined where an entry has another form or occurs twice */
export function readRateLimits(value: string): RateLimitSettings | undefined {
  const [owners, repositories] = [new Map<string, number>(), new Map<string, number>()];
  for (const entry of value
    .split(/[,\n]/)
    .map((part) => part.trim())
    .filter(Boolean)) {
    const [, owner, repository, rate] = ENTRY.exec(entry) ?? [];
    const [limits, name] = owner === undefined ? [repositories, repository?.toLowerCase()] : [owners, owner.toLowerCase()];
    if (name === undefined || !(Number(rate) > 0) || limits.has(name)) return undefined;
    limits.set(name, Number(rate));
  }
  const toString = () => [...owners, ...repositories].map(([name, rate]) => `${name}=${rate}`).join(",");
  return { owners, repositories, toString };
}
