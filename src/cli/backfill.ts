import { progress } from "@clack/prompts";
import { Logger } from "@nestjs/common";
import { Counter } from "prom-client";
import { type Config, LiveConfig } from "../config/index.js";
import { LabelPolicy } from "../counters/index.js";
import type { Queryable } from "../database/index.js";
import { Actions, Credentials, FleetLimits, GitHub, GitHubMetrics, withRetries } from "../github/index.js";
import { AttemptLookup } from "../reconcile/attempt-lookup.js";
import { Backfill, type BackfillObserver, type BackfillScope } from "../reconcile/backfill.js";
import { Tracing } from "../tracing/index.js";
import { withDatabase } from "./with-database.js";

/** Adds the runs and jobs that are open at GitHub, and reports progress on stderr. */
export async function backfill(config: Config, scope: BackfillScope): Promise<void> {
  await withDatabase(config, (database) => fill(config, database, scope));
}

async function fill(config: Config, database: Queryable, scope: BackfillScope): Promise<void> {
  // The observer reports problems instead of the log.
  Logger.overrideLogger(false);
  const requests = new Counter({ name: "requests", help: "requests", labelNames: ["purpose", "outcome"], registers: [] });
  const github = new GitHub(
    new Credentials(config, new LiveConfig(config)),
    new FleetLimits(database, config),
    new GitHubMetrics(requests),
    new Tracing(),
  );
  if (!github.isConfigured)
    throw new Error("There are no credentials for GitHub; set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, or GITHUB_TOKEN");
  const observer = process.stderr.isTTY ? bar() : lines();
  const actions = new Actions(withRetries(github, (seconds) => observer.waits(seconds)));
  const sum = await new Backfill(database, actions, new AttemptLookup(actions, config), new LabelPolicy(config), observer).run(scope);
  observer.end();
  const { values } = await requests.get();
  const requestCount = values.reduce((total, { value }) => total + value, 0);
  console.log(
    `${sum.runs} open runs and ${sum.jobs} open jobs of ${sum.repositories} repositories are in the inbox, after ${requestCount} requests to GitHub.`,
  );
  if (sum.failed > 0) {
    console.error(`${sum.failed} could not be added; see above. Run the command again; it is safe to repeat.`);
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

/** Without a terminal: a line after each tenth of the repositories. */
function lines(): Observer {
  let total = 0;
  return {
    found: (repositories) => console.error(`${(total = repositories)} repositories`),
    done: (_, { repositories, runs, jobs }) => {
      if (repositories === total || repositories % Math.ceil(total / 10) === 0)
        console.error(`${repositories} of ${total} repositories, ${runs} open runs, ${jobs} open jobs`);
    },
    waits: (seconds) => console.error(`GitHub's limits: waiting ${Math.ceil(seconds)} s`),
    failed: (what, why) => console.error(`${what}: ${why}`),
    end: () => undefined,
  };
}
