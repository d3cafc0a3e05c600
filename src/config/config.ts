import { readFileSync } from "node:fs";
import { z } from "zod";
import { SECRET_VARIABLES, variables } from "./variables.js";

const schema = z.object(variables);

const DAY_SECONDS = 86_400;

/** The whole configuration, frozen. Durations are in seconds, sizes in bytes. */
export type Config = Readonly<z.output<typeof schema>> & {
  /** Paths of the files by variable, for variables set by `NAME_FILE`. */
  readonly FILES: ReadonlyMap<string, string>;
};

/** Injection token of the {@link Config}. */
export const CONFIG = Symbol("CONFIG");

type Environment = Readonly<Record<string, string | undefined>>;

/** Lists all problems together: the variable, its value (secrets redacted) and the allowed values. */
export class ConfigError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(
      `The configuration has ${problems.length} problem${problems.length === 1 ? "" : "s"}:\n${problems.map((problem) => `  - ${problem}`).join("\n")}`,
    );
    this.name = "ConfigError";
  }
}

/**
 * Reads the environment into one frozen {@link Config}. `NAME_FILE` is the path of a file with the value of `NAME`.
 * @throws {ConfigError} with all problems
 */
export function loadConfig(environment: Environment): Config {
  const problems: string[] = [];
  const values = withFiles(environment, problems);
  const parsed = schema.safeParse(values);
  if (!parsed.success) {
    for (const issue of parsed.error.issues) {
      const name = String(issue.path[0]);
      problems.push(`${name} is ${shown(name, values[name])}; allowed: ${issue.message}`);
    }
  }
  problems.push(...contradictions(values));
  if (!parsed.success || problems.length > 0) throw new ConfigError(problems);
  return Object.freeze({ ...parsed.data, FILES: filesOf(environment) });
}

function withFiles(environment: Environment, problems: string[]): Record<string, string | undefined> {
  const values: Record<string, string | undefined> = {};
  for (const name of Object.keys(variables)) {
    values[name] = environment[name];
    const file = environment[`${name}_FILE`];
    if (!file) continue;
    if (environment[name]) {
      problems.push(`${name} and ${name}_FILE are both set; set one of them`);
      continue;
    }
    try {
      values[name] = readFileSync(file, "utf8").replace(/\r?\n$/, "");
    } catch (error) {
      problems.push(`${name}_FILE is "${file}", which cannot be read (${(error as NodeJS.ErrnoException).code ?? "unknown error"})`);
    }
  }
  return values;
}

function filesOf(environment: Environment): ReadonlyMap<string, string> {
  const named = Object.keys(variables).map((name) => [name, environment[`${name}_FILE`] ?? ""] as const);
  return new Map(named.filter(([, file]) => file !== ""));
}

/** Problems of values that are valid alone but not together. */
function contradictions(values: Record<string, string | undefined>): string[] {
  const problems: string[] = [];
  const number = (name: keyof typeof variables): number => Number(variables[name].safeParse(values[name]).data ?? NaN);
  const mode = values["MODE"]?.trim();
  const hasSecret = (values["GITHUB_WEBHOOK_SECRET"] ?? "").split(/[,\n]/).some((secret) => secret.trim());
  if (values["DATABASE_URL"] && mode !== "worker" && !hasSecret) {
    problems.push(
      "GITHUB_WEBHOOK_SECRET is empty; with DATABASE_URL set, allowed: the secret of the webhook at GitHub (a generated secret is for the embedded quick start only)",
    );
  }
  if (number("PORT") !== 0 && number("PORT") === number("MANAGEMENT_PORT")) {
    problems.push(
      `MANAGEMENT_PORT is "${number("MANAGEMENT_PORT")}", the same as PORT; allowed: another port, because the public listener serves only /webhook`,
    );
  }
  if (number("SHUTDOWN_DELAY") >= number("DRAIN_TIMEOUT")) {
    problems.push(
      `SHUTDOWN_DELAY is "${number("SHUTDOWN_DELAY")}"; allowed: less than DRAIN_TIMEOUT, which includes this delay and the work in progress`,
    );
  }
  problems.push(...bufferProblems(values));
  if (number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE") > number("OTEL_BSP_MAX_QUEUE_SIZE")) {
    problems.push(
      `OTEL_BSP_MAX_EXPORT_BATCH_SIZE is "${number("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")}"; allowed: at most OTEL_BSP_MAX_QUEUE_SIZE`,
    );
  }
  const endpoints = [values["OTEL_EXPORTER_OTLP_ENDPOINT"], values["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"]];
  if (values["CI_TRACES"]?.trim() === "on" && !endpoints.some((endpoint) => endpoint?.trim())) {
    problems.push("OTEL_EXPORTER_OTLP_ENDPOINT is empty; with CI_TRACES=on, allowed: the URL of an OpenTelemetry collector");
  }
  if (number("CI_TRACES_RETENTION") <= number("CI_TRACES_SETTLE") + number("CI_TRACES_WAIT")) {
    problems.push(
      `CI_TRACES_RETENTION is "${number("CI_TRACES_RETENTION")}"; allowed: more than CI_TRACES_SETTLE and CI_TRACES_WAIT together, because older traces are dropped unsent`,
    );
  }
  problems.push(...credentialProblems(values));
  if (values["GITHUB_HOOKS"]?.trim() && number("AUDIT_WINDOW") + DAY_SECONDS > number("DEDUP_RETENTION")) {
    problems.push(
      `AUDIT_WINDOW is "${number("AUDIT_WINDOW")}"; allowed: at least a day less than DEDUP_RETENTION, because a delivery with a deleted id counts as missed`,
    );
  }
  // Each loop holds one connection for its batch. All loops share the others for the journal.
  const least = number("WORKER_CONCURRENCY") + 2;
  if (mode !== "gateway" && number("DATABASE_POOL_SIZE") < least) {
    problems.push(`DATABASE_POOL_SIZE is "${number("DATABASE_POOL_SIZE")}"; allowed: at least ${least}, two more than WORKER_CONCURRENCY`);
  }
  return problems;
}

function bufferProblems(values: Record<string, string | undefined>): string[] {
  const buffer = values["BUFFER"]?.trim();
  const problems: string[] = [];
  for (const [kind, name] of [
    ["nats", "NATS_URL"],
    ["redis", "REDIS_URL"],
  ] as const) {
    if (buffer === kind && !values[name]?.trim()) problems.push(`${name} is empty; with BUFFER=${kind}, allowed: the URL of the server`);
  }
  const seconds = (name: "BUFFER_AFTER" | "REQUEST_TIMEOUT"): number => variables[name].safeParse(values[name]).data ?? NaN;
  const after = seconds("BUFFER_AFTER");
  if ((buffer === "nats" || buffer === "redis") && after >= seconds("REQUEST_TIMEOUT")) {
    problems.push(`BUFFER_AFTER is "${after}"; allowed: less than REQUEST_TIMEOUT, which includes the time of the buffer`);
  }
  return problems;
}

function credentialProblems(values: Record<string, string | undefined>): string[] {
  const has = (name: keyof typeof variables): boolean => (values[name] ?? "").trim() !== "";
  const problems: string[] = [];
  if (has("GITHUB_APP_ID") !== has("GITHUB_APP_PRIVATE_KEY")) {
    const [set, missing] = has("GITHUB_APP_ID") ? ["GITHUB_APP_ID", "GITHUB_APP_PRIVATE_KEY"] : ["GITHUB_APP_PRIVATE_KEY", "GITHUB_APP_ID"];
    problems.push(`${missing} is empty; allowed: both ${set} and ${missing}, or neither`);
  }
  if (has("GITHUB_APP_ID") && has("GITHUB_TOKEN")) problems.push("GITHUB_TOKEN and GITHUB_APP_ID are both set; allowed: one of them");
  const hooks = variables.GITHUB_HOOKS.safeParse(values["GITHUB_HOOKS"]).data ?? [];
  if (hooks.length > 0 && !has("GITHUB_APP_ID") && !has("GITHUB_TOKEN")) {
    problems.push(
      "GITHUB_HOOKS is set, but there are no credentials to read the delivery logs; set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, or GITHUB_TOKEN",
    );
  }
  if (hooks.some(({ name }) => name === "app") && has("GITHUB_TOKEN")) {
    problems.push(
      "GITHUB_HOOKS contains app, the hook of the App, which a GITHUB_TOKEN may not read; allowed: app with GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY",
    );
  }
  return problems;
}

/** A value as an error shows it, with secrets redacted. */
export function shown(name: string, value: string | undefined): string {
  if (value === undefined || value === "") return "empty";
  return SECRET_VARIABLES.has(name) || /^[a-z]+:\/\/[^/]*@/i.test(value)
    ? "(redacted)"
    : JSON.stringify(value.length > 200 ? `${value.slice(0, 200)}…` : value);
}
