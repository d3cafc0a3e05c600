import { progress } from "@clack/prompts";
import { Logger } from "@nestjs/common";
import { Command, InvalidArgumentError, Option } from "commander";
import { Counter } from "prom-client";
import type { Config } from "../config/config.js";
import { LiveConfig } from "../config/live-config.js";
import { LabelPolicy } from "../counters/label-policy.js";
import type { Queryable } from "../database/sql.js";
import { Actions, type RepositoryName } from "../github/actions.js";
import { Credentials } from "../github/credentials.js";
import { GitHub } from "../github/github.js";
import { GitHubMetrics } from "../github/github.metrics.js";
import { patient } from "../github/patient.js";
import { AttemptLookup } from "../reconcile/attempt-lookup.js";
import { Backfill, type BackfillObserver, type BackfillScope } from "../reconcile/backfill.js";
import { FleetLimits } from "../reconcile/fleet-limits.js";
import { moment } from "./moment.js";
import { withDatabase } from "./with-database.js";

interface Options {
  readonly org?: readonly string[];
  readonly repo?: readonly RepositoryName[];
  readonly since: Date;
}

/** A run is open for 35 days at most. */
const SINCE = "35d";

/** `octogauge backfill`: fills in what is open at GitHub now. */
export function backfillCommand(configured: () => Config): Command {
  return new Command("backfill")
    .description(
      "fill in the runs and jobs that are open at GitHub now, so that the gauges are right from the first minute; safe to repeat and beside live traffic",
    )
    .option("--org <org>", "all repositories of this organisation; may be repeated", org)
    .option("--repo <owner/name>", "this repository; may be repeated", repository)
    .addOption(
      new Option("--since <time>", "leave out runs created before this time (2026-11-21T10:00Z), or longer ago than this duration (7d)")
        .argParser(moment)
        .default(moment(SINCE), SINCE),
    )
    .action(async ({ org: orgs = [], repo: repositories = [], since }: Options, command: Command) => {
      if (orgs.length + repositories.length === 0) command.error("error: nothing to fill; name an --org or a --repo");
      await withDatabase(configured(), (database) => backfill(configured(), database, { orgs, repositories, since }));
    });
}

async function backfill(config: Config, database: Queryable, scope: BackfillScope): Promise<void> {
  // What the rooms would log is said by the observer.
  Logger.overrideLogger(false);
  const requests = new Counter({ name: "requests", help: "requests", labelNames: ["purpose", "outcome"], registers: [] });
  const github = new GitHub(
    new Credentials(config, new LiveConfig(config)),
    new FleetLimits(database, config),
    new GitHubMetrics(requests),
  );
  if (!github.isConfigured)
    throw new Error("There is nothing to ask GitHub with; set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, or GITHUB_TOKEN");
  const observer = process.stderr.isTTY ? bar() : lines();
  const actions = new Actions(patient(github, (seconds) => observer.waits(seconds)));
  const sum = await new Backfill(database, actions, new AttemptLookup(actions, config), new LabelPolicy(config), observer).run(scope);
  observer.end();
  const { values } = await requests.get();
  const asked = values.reduce((total, { value }) => total + value, 0);
  console.log(
    `${sum.runs} open runs and ${sum.jobs} open jobs of ${sum.repositories} repositories were put into the inbox, with ${asked} requests to GitHub.`,
  );
  if (sum.failed > 0) {
    console.error(`${sum.failed} could not be filled; see above, and run it again.`);
    process.exitCode = 1;
  }
}

type Observer = BackfillObserver & { waits(seconds: number): void; end(): void };

function bar(): Observer {
  let shown: ReturnType<typeof progress> | undefined;
  const wait = (seconds: number) => `GitHub's limits: waiting ${Math.ceil(seconds)} s`;
  return {
    found: (repositories) => {
      shown = progress({ max: Math.max(1, repositories), output: process.stderr });
      shown.start(`${repositories} repositories`);
    },
    done: ({ owner, repo }, { repositories, runs, jobs }) =>
      shown?.advance(1, `${repositories} done, ${runs} runs, ${jobs} jobs; ${owner}/${repo}`),
    waits: (seconds) => (shown ? shown.message(wait(seconds)) : console.error(wait(seconds))),
    failed: (what, why) => console.error(`\n${what}: ${why}`),
    end: () => shown?.stop("done"),
  };
}

/** Without a terminal: a line at each tenth. */
function lines(): Observer {
  let all = 0;
  return {
    found: (repositories) => console.error(`${(all = repositories)} repositories`),
    done: (_, { repositories, runs, jobs }) => {
      if (repositories === all || repositories % Math.ceil(all / 10) === 0)
        console.error(`${repositories} of ${all} repositories, ${runs} open runs, ${jobs} open jobs`);
    },
    waits: (seconds) => console.error(`GitHub's limits: waiting ${Math.ceil(seconds)} s`),
    failed: (what, why) => console.error(`${what}: ${why}`),
    end: () => undefined,
  };
}

function org(text: string, before: readonly string[] = []): readonly string[] {
  if (!/^[\w.-]+$/.test(text)) throw new InvalidArgumentError("allowed: the name of an organisation");
  return [...before, text];
}

function repository(text: string, before: readonly RepositoryName[] = []): readonly RepositoryName[] {
  const [, owner, repo] = /^([\w.-]+)\/([\w.-]+)$/.exec(text) ?? [];
  if (!owner || !repo) throw new InvalidArgumentError("allowed: owner/name");
  return [...before, { owner, repo }];
}
