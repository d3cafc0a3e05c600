import { type Config, rememberSecrets, SECRET_VARIABLES, variables, withoutSecrets } from "../config/index.js";

/** `octogauge config check`: the current configuration, one variable per line, with secrets redacted. */
export function configLines(config: Config): string[] {
  rememberSecrets(config);
  return Object.keys(variables).map((name) => {
    const value = config[name as keyof Config];
    return `${name}=${SECRET_VARIABLES.has(name) && isSet(value) ? "(redacted)" : withoutSecrets(plain(value))}`;
  });
}

const isSet = (value: unknown): boolean =>
  typeof value === "object" && value !== null ? Object.keys(value).length > 0 : value !== undefined;

function plain(value: unknown): string {
  if (value === undefined) return "";
  if (value instanceof Map) return [...value].map(([name, bounds]) => `${name}=${(bounds as readonly number[]).join(" ")}`).join("; ");
  return Array.isArray(value) ? value.map((entry: unknown) => (isHook(entry) ? entry.name : String(entry))).join(",") : String(value);
}

const isHook = (entry: unknown): entry is { name: string } => typeof entry === "object" && entry !== null && "name" in entry;
