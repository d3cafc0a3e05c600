import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { DEFAULTS, type SimulationOptions } from "../simulator/simulate.js";

/** The parsed options of `octogauge simulate`. */
export interface SimulateFlags {
  url: string[];
  secret?: string;
  seed: number;
  deliveries: number;
  rate: number;
  concurrency: number;
  owners: number;
  repositories: number;
  duplicates: number;
  secondHook: number;
  disorder: number;
  pad: boolean;
  redeliver: boolean;
  redeliverFor: number;
  expected: boolean;
  check?: string;
  metricsToken?: string;
}

const number = (least: number, most: number, whole: boolean) => (text: string) => {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < least || value > most || (whole && !Number.isInteger(value))) {
    throw new InvalidArgumentError(`allowed: a ${whole ? "whole " : ""}number from ${least} to ${most}`);
  }
  return value;
};

const MANY = 1_000_000_000;

export function withSimulateOptions(command: Command): Command {
  return command
    .option("--url <url...>", "URL of the webhook; several are used in turn", [...DEFAULTS.urls])
    .option("--secret <secret>", "webhook secret (default: GITHUB_WEBHOOK_SECRET, else the generated secret of the quick start)")
    .option("--seed <n>", "the same seed gives the same history", number(0, 2 ** 32 - 1, true), DEFAULTS.seed)
    .option("--deliveries <n>", "approximate number of deliveries", number(1, MANY, true), DEFAULTS.deliveries)
    .option("--rate <n>", "deliveries per second; 0 for no limit", number(0, 1_000_000, false), DEFAULTS.rate)
    .option("--concurrency <n>", "concurrent deliveries", number(1, 10_000, true), DEFAULTS.concurrency)
    .option("--owners <n>", "number of organisations", number(1, 1_000, true), DEFAULTS.owners)
    .option("--repositories <n>", "repositories of each organisation", number(1, 10_000, true), DEFAULTS.repositories)
    .option("--duplicates <share>", "share of deliveries that is sent twice with the same id", number(0, 1, false), DEFAULTS.duplicateRate)
    .option(
      "--second-hook <share>",
      "share of deliveries that a second hook also sends, with another id",
      number(0, 1, false),
      DEFAULTS.secondHookRate,
    )
    .option("--disorder <n>", "how many places a delivery may move in the order", number(0, 1_000_000, true), DEFAULTS.disorder)
    .option("--pad", "bodies of GitHub's size: jobs 7-12 KB, runs 15-25 KB", DEFAULTS.pad)
    .option("--redeliver", "send a delivery again, with the same id, if it got no 2xx", DEFAULTS.redeliver)
    .option("--redeliver-for <seconds>", "stop sending a delivery again after this time", number(0, 86_400, false), DEFAULTS.redeliverFor)
    .option("--expected", "print the expected metrics, in Prometheus text format", DEFAULTS.expected)
    .option("--check <url>", "compare /metrics at this address with the expected metrics; exit code 1 if they differ")
    .option("--metrics-token <token>", "bearer token of /metrics (default: METRICS_TOKEN)");
}

/** @throws where there is no secret */
export function simulationOptions(flags: SimulateFlags, environment: NodeJS.ProcessEnv): SimulationOptions {
  return {
    ...DEFAULTS,
    urls: flags.url,
    secret: flags.secret ?? firstValue("GITHUB_WEBHOOK_SECRET", environment) ?? generatedSecret(environment),
    seed: flags.seed,
    deliveries: flags.deliveries,
    rate: flags.rate,
    concurrency: flags.concurrency,
    owners: flags.owners,
    repositories: flags.repositories,
    duplicateRate: flags.duplicates,
    secondHookRate: flags.secondHook,
    disorder: flags.disorder,
    pad: flags.pad,
    redeliver: flags.redeliver,
    redeliverFor: flags.redeliverFor,
    expected: flags.expected,
    check: flags.check,
    checkToken: flags.metricsToken ?? firstValue("METRICS_TOKEN", environment),
  };
}

/** The first value of a variable or of its `_FILE`. The chart sets files only. @throws where the file cannot be read */
function firstValue(name: string, environment: NodeJS.ProcessEnv): string | undefined {
  const file = environment[`${name}_FILE`];
  const value = environment[name] ?? (file ? readFileSync(file, "utf8") : undefined);
  return value?.split(/[,\n]/)[0]?.trim();
}

function generatedSecret(environment: NodeJS.ProcessEnv): string {
  const file = join(resolve(environment["DATA_DIR"] ?? ".octogauge"), "webhook-secret");
  if (!existsSync(file))
    throw new Error(
      "no webhook secret: use --secret, set GITHUB_WEBHOOK_SECRET, or first run the quick start in this directory (npm start)",
    );
  return readFileSync(file, "utf8").trim();
}
