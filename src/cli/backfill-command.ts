import { Command, InvalidArgumentError, Option } from "commander";
import type { Config } from "../config/index.js";
import type { RepositoryName } from "../github/index.js";
import { moment } from "./moment.js";

interface Options {
  readonly org?: readonly string[];
  readonly repo?: readonly RepositoryName[];
  readonly since: Date;
}

/** GitHub closes runs after 35 days. */
const SINCE = "35d";

/** `octogauge backfill`: adds the runs and jobs that are open at GitHub. */
export function backfillCommand(configured: () => Config): Command {
  return new Command("backfill")
    .description(
      "add the runs and jobs that are open at GitHub, so that the gauges are right from the first minute; safe to repeat, also during live traffic",
    )
    .option("--org <org>", "all repositories of this organisation; may be repeated", org)
    .option("--repo <owner/name>", "this repository; may be repeated", repository)
    .addOption(
      new Option("--since <time>", "skip runs created before this time (2026-11-21T10:00Z), or longer ago than this duration (7d)")
        .argParser(moment)
        .default(moment(SINCE), SINCE),
    )
    .action(async ({ org: orgs = [], repo: repositories = [], since }: Options, command: Command) => {
      if (orgs.length + repositories.length === 0) command.error("error: no repositories selected; add --org or --repo");
      const { backfill } = await import("./backfill.js");
      await backfill(configured(), { orgs, repositories, since });
    });
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
