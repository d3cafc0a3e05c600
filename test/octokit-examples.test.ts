import { readdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { freshDatabase, rowsOf } from "./support/database.js";
import { post, samples, startInstance } from "./support/octogauge.js";

interface Example {
  readonly name: string;
  readonly examples: readonly Record<string, unknown>[];
}

const root = dirname(createRequire(import.meta.url).resolve("@octokit/webhooks-examples/package.json"));
const folders = readdirSync(root).filter((name) => /^(api\.github\.com|ghes-\d+)$/.test(name));
const read = (folder: string) => JSON.parse(readFileSync(join(root, folder, "index.json"), "utf8")) as Example[];

// The examples are years old, and their open runs must not become lost during the test.
const AGELESS = { JOB_QUEUED_LIMIT: "9000d", JOB_RUNNING_LIMIT: "9000d", RUN_LIMIT: "9000d" };

describe.each(folders)("the real examples of %s", (folder) => {
  let databaseUrl: string;
  let sent = 0;
  const byEvent = new Map<string, number>();

  beforeAll(async () => {
    databaseUrl = await freshDatabase();
  });

  it("are accepted, and none becomes a dead letter", async () => {
    const instance = await startInstance(AGELESS, databaseUrl);
    for (const { name, examples } of read(folder)) {
      for (const example of examples) {
        const answer = await post(instance.webhook, name, example);
        expect([name, answer.status, await answer.json()]).toEqual([name, 202, { status: "accepted" }]);
        sent += 1;
        byEvent.set(name, (byEvent.get(name) ?? 0) + 1);
      }
    }
    expect(sent).toBeGreaterThan(40);
    await expect.poll(() => rowsOf(databaseUrl, "SELECT FROM octogauge.inbox")).toEqual([]);
    expect(await rowsOf(databaseUrl, "SELECT event, error FROM octogauge.dead_letters")).toEqual([]);
    const counted = new Map<string, number>();
    for (const line of await samples(instance, "github_events_total")) {
      const [, event = "", count] = /event="([^"]*)".*} (\d+)$/.exec(line) ?? [];
      counted.set(event, (counted.get(event) ?? 0) + Number(count));
    }
    expect(counted).toEqual(byEvent);
  });

  if (folder !== "api.github.com") return;

  it("produce the right workflow series", async () => {
    const instance = await startInstance(AGELESS, databaseUrl);
    const lines = (await samples(instance, "github_workflow_")).filter((line) => !/_bucket|_age_seconds/.test(line));
    const hello = 'owner="Codertocat",repo="Hello-World",workflow="CodeQL",runs_on="ubuntu-latest"';
    const test = 'owner="wolfy1339",repo="github-events-schemas",workflow="Test",runs_on="ubuntu-latest"';
    const gpu = 'owner="octo-org",repo="example-workflow",workflow="",runs_on="db-app,dc-03,gpu"';
    const env = 'owner="lineville",repo="elastic-machines-testing",workflow="Env Test",runs_on="k8s,self-hosted"';
    const manual = 'owner="Codertocat",repo="Hello-World",workflow="Manually triggered workflow",branch="other"';
    const dispatched = 'owner="octo-org",repo="octo-repo",workflow="test",branch="default"';
    // Two examples complete the same job, with failure and with success. The job completes once.
    const conclusion = /jobs_completed_total\{.*conclusion="(\w+)"/.exec(lines.join("\n"))?.[1];
    expect(["failure", "success"]).toContain(conclusion);
    expect(lines.sort()).toEqual(
      [
        `github_workflow_jobs{${gpu},status="in_progress"} 1`,
        `github_workflow_jobs{${test},status="in_progress"} 1`,
        `github_workflow_jobs{${env},status="${lines.some((line) => line.includes('status="waiting"')) ? "waiting" : "queued"}"} 1`,
        `github_workflow_jobs_queued_total{${gpu}} 1`,
        `github_workflow_jobs_queued_total{${hello}} 1`,
        `github_workflow_jobs_queued_total{${test}} 1`,
        `github_workflow_jobs_queued_total{${env}} 1`,
        `github_workflow_jobs_started_total{${gpu}} 1`,
        `github_workflow_jobs_started_total{${hello}} 1`,
        `github_workflow_jobs_started_total{${test}} 1`,
        `github_workflow_jobs_completed_total{${hello},conclusion="${conclusion}"} 1`,
        `github_workflow_job_queue_seconds_sum{${hello}} 60`,
        `github_workflow_job_queue_seconds_count{${hello}} 1`,
        `github_workflow_job_queue_seconds_sum{${test}} 7`,
        `github_workflow_job_queue_seconds_count{${test}} 1`,
        `github_workflow_job_duration_seconds_sum{${hello},conclusion="${conclusion}"} 198`,
        `github_workflow_job_duration_seconds_count{${hello},conclusion="${conclusion}"} 1`,
        `github_workflow_runs_requested_total{${manual},event="workflow_dispatch"} 1`,
        `github_workflow_runs_requested_total{${dispatched},event="repository_dispatch"} 1`,
        `github_workflow_runs_started_total{${dispatched},event="repository_dispatch"} 1`,
        `github_workflow_runs_completed_total{${manual},event="workflow_dispatch",conclusion=""} 1`,
        `github_workflow_runs_completed_total{${dispatched},event="repository_dispatch",conclusion="success"} 1`,
        `github_workflow_run_duration_seconds_sum{${manual},conclusion=""} 0`,
        `github_workflow_run_duration_seconds_count{${manual},conclusion=""} 1`,
        `github_workflow_run_duration_seconds_sum{${dispatched},conclusion="success"} 0`,
        `github_workflow_run_duration_seconds_count{${dispatched},conclusion="success"} 1`,
      ].sort(),
    );
  });
});
