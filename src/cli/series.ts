import { Command } from "commander";
import { notEmpty, whole } from "./arguments.js";
import type { Config } from "../config/index.js";
import { countMatchingSeries, countSeries, pruneSeries, type SeriesFilter } from "../counters/series-review.sql.js";
import { withDatabase } from "./with-database.js";

/** `octogauge series`: counts and deletes label sets of the cardinality budget. */
export function seriesCommand(configured: () => Config): Command {
  const group = new Command("series").description(
    "label sets of counters and histograms, limited by MAX_SERIES_PER_METRIC: count or delete them",
  );
  filtered(group.command("list").description("count label sets by metric and repository, in descending order"))
    .option("--limit <n>", "maximum number of lines", whole, 50)
    .action((options: SeriesFilter & { limit: number }) =>
      withDatabase(configured(), async (database) => {
        for (const { metric, repository, series } of await countSeries(database, options, options.limit))
          console.log(`${String(series).padStart(7)}  ${metric}  ${repository ?? "-"}`);
        console.error(`${await countMatchingSeries(database, options)} label sets match`);
      }),
    );
  filtered(group.command("prune").description("delete label sets; a later event creates its label set again, from 0"))
    .option("--dry-run", "only print the number", false)
    .action(({ dryRun, ...filter }: SeriesFilter & { dryRun: boolean }) =>
      withDatabase(configured(), async (database) => {
        if (Object.values(filter).every((value) => value === undefined))
          throw new Error("Select what to prune: --metric, --repository or --event");
        const count = dryRun ? await countMatchingSeries(database, filter) : await pruneSeries(database, filter);
        console.log(`${dryRun ? "would prune" : "pruned"} ${count} label set${count === 1 ? "" : "s"}`);
      }),
    );
  return group;
}

const filtered = (command: Command): Command =>
  command
    .option("--metric <name>", "only of this metric, such as github_workflow_jobs_queued_total", notEmpty)
    .option("--repository <owner/name>", "only of this repository, or of all repositories of an owner (owner/)", notEmpty)
    .option("--event <event>", "only of this event, in metrics without a repository", notEmpty);
