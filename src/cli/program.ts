import { Command, InvalidArgumentError } from "commander";
import { backfillCommand } from "./backfill-command.js";
import { configLines } from "./config-check.js";
import { deadLettersCommand } from "./dead-letters.js";
import { migrateCommand } from "./migrate.js";
import { seriesCommand } from "./series.js";
import { type SimulateFlags, simulationOptions, withSimulateOptions } from "./simulate-options.js";
import { type Config, loadConfig, misspelt, unusedProxy } from "../config/index.js";
import { BUILD } from "../metrics/build.js";
import { runSimulation } from "../simulator/simulate.js";

export const program = new Command("octogauge")
  .description(
    "True Prometheus metrics for GitHub Actions, from webhooks.\n\nConfigured by environment variables; NAME_FILE reads the value of NAME from a file. See docs/configuration.md.",
  )
  .version(BUILD.version)
  .showHelpAfterError("(add --help to list commands and options)");

program
  .command("serve")
  .description("receive deliveries, process them and serve /metrics; without DATABASE_URL with an embedded PostgreSQL")
  .option("--mode <mode>", "gateway (receives deliveries), worker (processes them) or standalone (both); overrides MODE")
  .action(async (options: { mode?: string }) => {
    const config = loadConfig(options.mode === undefined ? process.env : { ...process.env, MODE: options.mode });
    const { serve } = await import("./serve.js");
    await serve(config);
  });

program
  .command("migrate")
  .description("migrate the database schema to this version and exit; concurrent runs wait for each other")
  .option("--dry-run", "only list the missing migrations", false)
  .action(async (options: { dryRun: boolean }) => {
    await migrateCommand(forCommands(), options);
  });

withSimulateOptions(
  program
    .command("simulate")
    .description(
      "send realistic GitHub Actions deliveries: many repositories, matrices, re-runs, approvals, skipped jobs, duplicates, disorder; --check compares /metrics with the expected values",
    ),
).action(async (flags: SimulateFlags) => {
  const interrupted = new AbortController();
  process.once("SIGINT", () => interrupted.abort());
  process.exitCode = await runSimulation(simulationOptions(flags, process.env), {
    stdout: process.stdout,
    stderr: process.stderr,
    signal: interrupted.signal,
  });
});

program
  .command("demo")
  .description("serve with simulated traffic, and print a summary every two seconds")
  .option("--rate <n>", "deliveries per second", positive, 25)
  .option("--seconds <n>", "stop after this time; 0 runs until Ctrl+C", positive, 0)
  .action(async (options: { rate: number; seconds: number }) => {
    const { demo } = await import("./demo.js");
    await demo(loadConfig(process.env), options);
  });

program.addCommand(deadLettersCommand(forCommands));
program.addCommand(seriesCommand(forCommands));
program.addCommand(backfillCommand(forCommands));

const config = program.command("config").description("check the configuration");
config
  .command("check")
  .description("list all problems of the configuration, or show it with secrets redacted")
  .option("--connect", "also try to connect to the database and GitHub", false)
  .action(async ({ connect }: { connect: boolean }) => {
    const loaded = loadConfig(process.env);
    console.log(configLines(loaded).join("\n"));
    for (const line of [...misspelt(process.env), ...unusedProxy(process.env)]) console.error(line);
    if (!connect) return;
    const { connectLines } = await import("./config-connect.js");
    const { lines, works } = await connectLines(loaded);
    console.log(`\n${lines.join("\n")}`);
    process.exitCode = works ? 0 : 1;
  });

function positive(text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !Number.isFinite(value) || value < 0) throw new InvalidArgumentError("allowed: a number from 0");
  return value;
}

/** The configuration of commands that receive no deliveries. They need no webhook secret, like a worker. */
function forCommands(): Config {
  return loadConfig({ ...process.env, MODE: "worker" });
}
