import { expect, it } from "vitest";
import { seriesCommand } from "../../src/cli/series.js";
import { runCommand } from "../support/command.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN } from "../support/payloads.js";

const octogauge = (url: string, ...args: string[]) => runCommand(seriesCommand, url, args);

it("lists the series by use of the budget, and deletes a repository's series to make room", async () => {
  const fleet = await stillFleet({ MAX_SERIES_PER_METRIC: "4" });
  const send = async (id: number, name: string, workflow: string) =>
    fleet.deliver(
      "workflow_job",
      jobPayload(
        "completed",
        { ...RAN, id, run_id: id, workflow_name: workflow },
        { repository: { full_name: name, default_branch: "main" } },
      ),
    );
  for (const n of [1, 2, 3]) await send(n, 'Mallory/gre"edy', `w${n}`);
  for (const n of [4, 5, 6]) await send(n, "acme/api", `w${n}`);
  await fleet.rollUp();
  const used = () => rowsOf(fleet.url, "SELECT used FROM octogauge.series_budget WHERE metric = 'github_workflow_jobs_queued_total'");
  const queued = async () => (await fleet.samples("github_workflow_jobs_queued_total")).map((line) => /repo="(.*?)",/.exec(line)?.[1]);
  expect(await used()).toEqual([{ used: 3 }]);
  expect(await queued()).toEqual(['gre\\"edy', 'gre\\"edy', "api", "other"]);

  const { stdout } = await octogauge(fleet.url, "list", "--metric", "github_workflow_jobs_queued_total");
  expect(stdout.split("\n")).toEqual([
    expect.stringMatching(/^ +2 {2}github_workflow_jobs_queued_total {2}Mallory\/gre\\"edy$/) as string,
    expect.stringMatching(/^ +1 .* acme\/api$/) as string,
    expect.stringMatching(/^ +1 .* other\/other$/) as string,
    "",
  ]);
  expect((await octogauge(fleet.url, "prune")).stderr).toContain("--repository");
  const which = ["--repository", "mallory/", "--metric", "github_workflow_jobs_queued_total"];
  expect((await octogauge(fleet.url, "prune", ...which, "--dry-run")).stdout).toBe("would prune 2 label sets\n");
  expect((await octogauge(fleet.url, "prune", ...which)).stdout).toBe("pruned 2 label sets\n");
  expect(await used()).toEqual([{ used: 1 }]);

  // A second process, without a cache of full metrics.
  const next = await stillFleet({ MAX_SERIES_PER_METRIC: "4" }, fleet.url);
  await next.deliver(
    "workflow_job",
    jobPayload(
      "completed",
      { ...RAN, id: 7, run_id: 7, workflow_name: "w7" },
      { repository: { full_name: "acme/api", default_branch: "main" } },
    ),
  );
  expect(await queued()).toEqual(["api", "api", "other"]);
});
