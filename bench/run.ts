import { Command } from "commander";
import { startBenchServer } from "./database.js";
import { benchBacklog } from "./backlog.js";
import { benchFairness } from "./fairness.js";
import { benchHeld } from "./held.js";
import { benchIngest } from "./ingest.js";
import { benchMixed, benchSustained } from "./mixed.js";
import { benchOverload } from "./overload.js";
import { benchProcess } from "./process.js";
import { benchProcesses } from "./processes.js";
import { benchScale } from "./scale.js";
import { benchScrape } from "./scrape.js";
import { benchSync } from "./sync.js";
import { benchTracing } from "./tracing.js";
import { machine, type Result, toJson, toMarkdown } from "./report.js";

interface Options {
  readonly quick: boolean;
  readonly json: boolean;
  readonly rounds: number;
  readonly seconds: number;
  readonly count: number;
  readonly history: number;
  readonly heldMinutes: number;
  readonly soakMinutes: number;
}

type Bench = (
  server: Awaited<ReturnType<typeof startBenchServer>>,
  options: Options,
  progress: (line: string) => void,
) => Promise<Result[]>;

const BENCHES: Readonly<Record<string, Bench>> = {
  ingest: async (server, options, progress) => {
    const results: Result[] = [];
    for (const connections of options.quick ? [64] : [64, 256]) results.push(await benchIngest(server, options, connections, progress));
    return results;
  },
  process: async (server, options, progress) => [await benchProcess(server, options, progress)],
  backlog: async (server, { rounds, quick, heldMinutes }, progress) => [
    await benchBacklog(server, { rounds, most: quick ? 100_000 : 1_000_000, claims: quick ? 30 : 300 }, progress),
    ...(heldMinutes > 0 ? [await benchHeld(server, heldMinutes, progress)] : []),
  ],
  scrape: async (server, { rounds, quick, history }, progress) => [await benchScrape(server, { rounds, history, quick }, progress)],
  mixed: async (server, options, progress) => {
    const results: Result[] = [];
    for (const rate of options.quick ? [500] : [500, 1_000]) results.push(await benchMixed(server, options, rate, progress));
    if (!options.quick) results.push(await benchSustained(server, options, progress));
    return results;
  },
  processes: async (server, options, progress) => {
    const results: Result[] = [];
    for (const connections of options.quick ? [64] : [64, 256]) results.push(await benchProcesses(server, options, connections, progress));
    return results;
  },
  overload: async (server, options, progress) => [await benchOverload(server, options, progress)],
  fairness: async (server, options, progress) => [await benchFairness(server, options, progress)],
  scale: async (server, options, progress) => await benchScale(server, options, progress),
  tracing: async (server, options, progress) => await benchTracing(server, options, progress),
  sync: async (server, options, progress) => [await benchSync(server, options, progress)],
};

/** Benchmarks of --quick; with the build they take a minute. Others run in full mode or by name. */
const QUICK: readonly string[] = ["ingest", "process", "backlog", "scrape", "mixed", "overload"];

/** Aliases; `all` does not run them twice. */
const ALIASES: Readonly<Record<string, string>> = { peers: "process" };

const number = (text: string) => Number(text);

const allowed = [...Object.keys(BENCHES), ...Object.keys(ALIASES)];

const command = new Command("bench")
  .description("Measures Octogauge against its own ceilings and its peers, on this machine, with default durability.")
  .argument("[names...]", `benchmarks to run: ${allowed.join(", ")} (default: all, or the quick ones; peers means process)`)
  .option(
    "--quick",
    `one short round with fewer variants, too short for reliable figures; without names: ${QUICK.join(", ")}, within a minute`,
    false,
  )
  .option("--json", "print JSON", false)
  .option("--rounds <n>", "interleaved rounds", number, 5)
  .option("--seconds <n>", "seconds per load measurement", number, 8)
  .option("--count <n>", "number of deliveries that drain benchmarks store first", number, 200_000)
  .option("--history <n>", "finished jobs in the database of the scrape benchmark", number, 1_000_000)
  .option("--held-minutes <n>", "minutes of the run with a held snapshot; 0 skips it", number, 10)
  .option("--soak-minutes <n>", "minutes that scale runs at 70 % of the measured capacity; 0 skips it", number, 10)
  .addHelpText("after", "\nDATABASE_URL: the server to measure, instead of the embedded one; its user needs CREATEDB.")
  .parse();

const options = command.opts<Options>();
/** True if the option was given on the command line. */
const chosen = (option: keyof Options) => command.getOptionValueSource(option) !== "default";
const scale = options.quick
  ? {
      ...options,
      rounds: 1,
      seconds: 1,
      count: 2_000,
      heldMinutes: chosen("heldMinutes") ? options.heldMinutes : 0,
      soakMinutes: chosen("soakMinutes") ? options.soakMinutes : 0,
    }
  : options;
const unknown = command.args.filter((name) => !allowed.includes(name));
if (unknown.length > 0) command.error(`unknown benchmark ${unknown.join(", ")}; allowed: ${allowed.join(", ")}`);
const names =
  command.args.length > 0 ? [...new Set(command.args.map((name) => ALIASES[name] ?? name))] : options.quick ? QUICK : Object.keys(BENCHES);

const server = await startBenchServer();
const conditions = machine(server.description);
try {
  const results: Result[] = [];
  for (const name of names) results.push(...(await BENCHES[name]!(server, scale, (line) => console.error(`${name}: ${line}`))));
  console.log(
    options.json
      ? JSON.stringify({ machine: conditions, results: results.map(toJson) }, null, 2)
      : [
          Object.entries(conditions)
            .map(([key, value]) => `- ${key}: ${value}`)
            .join("\n"),
          ...results.map(toMarkdown),
        ].join("\n\n"),
  );
} finally {
  await server.stop();
}
