import { cpus, release, totalmem } from "node:os";
import { Command, InvalidArgumentError } from "commander";
import { CASES } from "./cases/index.js";
import { type Result, toTable } from "./result.js";
import { runCase } from "./run-case.js";

interface Options {
  readonly seed: number;
  readonly seconds?: number;
  readonly list: boolean;
  readonly json: boolean;
  readonly short: boolean;
}

const number = (text: string) => {
  const value = Number(text);
  if (!/^\d+$/.test(text) || value > 2 ** 32 - 1) throw new InvalidArgumentError("allowed: a whole number from 0");
  return value;
};

const command = new Command("chaos")
  .description(
    "Causes faults for three replicas on one PostgreSQL under simulated traffic, and checks that each accepted delivery is counted exactly once, each request is answered in time, and everything recovers without intervention.",
  )
  .argument("[cases...]", "cases to run (default: all)")
  .option("--seed <n>", "repeats the deliveries and random choices, but not the interleaving", number, Math.floor(Math.random() * 2 ** 31))
  .option("--seconds <n>", "duration of the fault of each case", number)
  .option("--short", "run only the short selection", false)
  .option("--list", "list the cases", false)
  .option("--json", "print JSON", false)
  .parse();

const options = command.opts<Options>();
const unknown = command.args.filter((name) => !CASES.some((chaos) => chaos.name === name));
if (unknown.length > 0) command.error(`unknown case ${unknown.join(", ")}; allowed: ${CASES.map((chaos) => chaos.name).join(", ")}`);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(130));

if (options.list) {
  for (const { name, what, shortSeconds } of CASES) console.log(`${name.padEnd(18)}${what}${shortSeconds ? " (short)" : ""}`);
} else {
  const chosen = CASES.filter(({ name }) => command.args.length === 0 || command.args.includes(name)).filter(
    ({ shortSeconds }) => !options.short || shortSeconds !== undefined,
  );
  console.error(`seed ${options.seed}`);
  const results: Result[] = [];
  for (const chaos of chosen) {
    console.error(`${chaos.name}: ${chaos.what}`);
    const result = await runCase(
      chaos,
      String(options.seed),
      options.seconds ?? (options.short ? chaos.shortSeconds : undefined) ?? chaos.seconds,
    );
    results.push(result);
    for (const text of [...(result.logs ?? []), ...result.findings.map((finding) => `FINDING ${finding}`)]) console.error(`  ${text}`);
    if (result.skipped) console.error(`  SKIPPED: ${result.skipped}`);
    console.error(`  ${result.findings.length === 0 ? "held" : "FAILED"} after ${result.seconds.toFixed(0)} s`);
  }
  const conditions = {
    seed: options.seed,
    cpu: `${cpus().length} x ${cpus()[0]?.model ?? "?"}`,
    memory: `${Math.round(totalmem() / 2 ** 30)} GiB`,
    system: `${process.platform} ${release()}`,
    node: process.version,
    load: "3 standalone replicas, 100 deliveries per second over all unless the case says otherwise, fsync and synchronous_commit on",
  };
  const described = Object.entries(conditions).map(([key, value]) => `- ${key}: ${value}`);
  console.log(options.json ? JSON.stringify({ conditions, results }, null, 2) : [...described, "", toTable(results)].join("\n"));
  // Exit, because a failed case may leave open handles.
  process.exit(results.some(({ findings }) => findings.length > 0) ? 1 : 0);
}
