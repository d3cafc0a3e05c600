import { expect, it } from "vitest";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN, repository, runPayload } from "../support/payloads.js";
import { storedPayloads } from "../support/stored-payloads.js";
import { at } from "../support/clock.js";

/** Levels values that depend on the time of the reading. All other text is compared exactly. */
const level = (text: string) => text.replaceAll(/^(\S*(?:_age_seconds|_collector_duration_seconds)\{[^}]*\}) \S+$/gm, "$1 0");

async function someOfEverything(overrides: Record<string, string> = {}) {
  const fleet = await stillFleet({ HISTOGRAM_BUCKETS: "10 60", ...overrides });
  await fleet.deliver("workflow_run", runPayload("requested"));
  await fleet.deliver("workflow_run", runPayload("in_progress"));
  await fleet.deliver("workflow_job", jobPayload("completed", RAN));
  await fleet.deliver("workflow_run", runPayload("completed", { conclusion: "success", updated_at: at("10:02:00") }));
  await fleet.deliver("workflow_run", runPayload("in_progress", { id: 502 }));
  await fleet.deliver("workflow_job", jobPayload("queued", { id: 1002, run_id: 502, labels: ["x64", "linux"] }));
  await fleet.deliver(
    "workflow_job",
    jobPayload("in_progress", { id: 1003, run_id: 502, workflow_name: 'odd "name" \\ with\nlines', labels: [] }),
  );
  await fleet.deliver("push", { ref: "refs/heads/main", commits: [{}, {}, {}], repository });
  await fleet.deliver("push", { ref: "refs/tags/v1", commits: [{}], repository });
  await fleet.deliver("pull_request", { action: "opened", pull_request: { base: { ref: "main" } }, repository });
  await fleet.deliver("ping", { zen: "Speak like a human.", repository });
  await fleet.deliver("star", { action: "created", repository });
  await fleet.deliver("workflow_job", { action: "queued", workflow_job: null, repository });
  await fleet.accept("star", { action: "deleted", repository });
  return fleet;
}

it("equals the golden text exactly", async () => {
  const fleet = await someOfEverything();
  await expect(level(await fleet.exposition("text"))).toMatchFileSnapshot("golden.prometheus.txt");
  await expect(level(await fleet.exposition("openmetrics"))).toMatchFileSnapshot("golden.openmetrics.txt");
  expect(await rowsOf(fleet.url, "SELECT event, source, error_class, error, attempts FROM octogauge.dead_letters")).toEqual([
    {
      event: "workflow_job",
      source: "projection",
      error_class: "UnexpectedPayload",
      error: "workflow_job is null, expected an object",
      attempts: 1,
    },
  ]);
  expect([...(await storedPayloads(fleet.url, "dead_letters")).values()].map(String)).toEqual([
    expect.stringContaining('"workflow_job":null'),
  ]);
});

it("a failing collector reports its failure and does not affect the others", async () => {
  const fleet = await someOfEverything();
  await rowsOf(fleet.url, "ALTER TABLE octogauge.dead_letters RENAME TO elsewhere");
  const text = await fleet.exposition();
  expect(text).toContain('octogauge_collector_success{collector="dead_letters"} 0\n');
  expect(text).toContain('octogauge_collector_success{collector="jobs"} 1\n');
  expect(text).toContain('github_events_total{event="star",action="created"} 1\n');
  expect(text).not.toContain("octogauge_dead_letters{");
});

it("has promgithub's names only with COMPAT_METRICS", async () => {
  const compatible = await someOfEverything({ COMPAT_METRICS: "promgithub" });
  const text = await compatible.exposition();
  const own = text.slice(text.indexOf("# HELP promgithub_"), text.indexOf("# HELP octogauge_collector_success"));
  await expect(own).toMatchFileSnapshot("golden.promgithub.txt");
  expect(await compatible.exposition("openmetrics")).toContain("# TYPE promgithub_job_status unknown\n");
  const plain = await stillFleet({}, compatible.url);
  expect(await plain.exposition()).not.toContain("promgithub");
});
