import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { rowsOf } from "../support/database.js";
import { FakeGitHub } from "../support/fake-github/fake-github.js";
import { stillFleet } from "../support/fleet.js";
import { testEnvironment } from "../support/octogauge.js";
import { jobPayload, RAN, runPayload } from "../support/payloads.js";
import { childEnvironment } from "../support/environment.js";

const CLI = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));

/** Runs `octogauge backfill` in its own process. */
function backfill(url: string, github: FakeGitHub, args: readonly string[], overrides: Record<string, string> = {}) {
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const environment = testEnvironment(url, { GITHUB_API_URL: github.url, GITHUB_TOKEN: github.token, ...overrides });
    const child = spawn(process.execPath, [CLI, "backfill", ...args], { env: childEnvironment(environment) });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (text) => (stdout += text));
    child.stderr.on("data", (text) => (stderr += text));
    child.on("close", (code) => resolve({ code, stdout, stderr }));
  });
}

let number = 0;

async function setUp() {
  const github = await FakeGitHub.start();
  const fleet = await stillFleet();
  const now = new Date().toISOString();
  const happen = (repo: string, event: string, payload: { readonly repository: unknown }) =>
    github.happen(
      {
        deliveryId: `${(0x7100_0000 + (number += 1)).toString(16)}-b6ef-11f0-8de9-0242ac120002`,
        event,
        body: JSON.stringify({ ...payload, repository: { full_name: `acme/${repo}`, default_branch: "main" } }),
      },
      { hooks: [] },
    );
  const run = (repo: string, action: string, id: number, fields = {}) =>
    happen(repo, "workflow_run", runPayload(action, { id, created_at: now, run_started_at: now, updated_at: now, ...fields }));
  const job = (repo: string, action: string, id: number, runId: number, fields = {}) =>
    happen(repo, "workflow_job", jobPayload(action, { id, run_id: runId, created_at: now, started_at: now, ...fields }));
  await run("api", "in_progress", 1);
  await job("api", "in_progress", 11, 1, { runner_id: 7 });
  await job("api", "queued", 12, 1);
  await job("api", "completed", 13, 1, RAN);
  await run("api", "completed", 2, { conclusion: "success" });
  await run("web", "requested", 3);
  await run("web", "requested", 4, { created_at: "2026-01-01T00:00:00Z" });
  return { github, fleet, job };
}

const RIGHT = [
  'github_workflow_runs{owner="acme",repo="api",workflow="ci",status="in_progress"} 1',
  'github_workflow_runs{owner="acme",repo="web",workflow="ci",status="queued"} 1',
  'github_workflow_jobs{owner="acme",repo="api",workflow="ci",runs_on="ubuntu-latest",status="in_progress"} 1',
  'github_workflow_jobs{owner="acme",repo="api",workflow="ci",runs_on="ubuntu-latest",status="queued"} 1',
];

describe("octogauge backfill", () => {
  it("fills in open runs and jobs but not history, and repeated or next to live traffic counts nothing twice", async () => {
    const { github, fleet, job } = await setUp();
    const shown = async () => [...(await fleet.samples("github_workflow_runs{")), ...(await fleet.samples("github_workflow_jobs{"))];
    const first = await backfill(fleet.url, github, ["--org", "acme"]);
    expect(first.stderr).toContain("2 of 2 repositories, 2 open runs, 2 open jobs");
    expect(first).toMatchObject({ code: 0, stdout: expect.stringContaining("2 open runs and 2 open jobs of 2 repositories") as string });
    await fleet.process();
    expect(await shown()).toEqual(RIGHT);
    // The queued job starts during the second backfill.
    await Promise.all([
      backfill(fleet.url, github, ["--repo", "acme/api", "--repo", "acme/web"]),
      job("api", "in_progress", 12, 1, { runner_id: 8 }).then(() =>
        fleet.deliver("workflow_job", jobPayload("in_progress", { id: 12, run_id: 1, runner_id: 8, started_at: new Date().toISOString() })),
      ),
    ]);
    await fleet.process();
    expect(await shown()).toEqual([...RIGHT.slice(0, 2), RIGHT[2]?.replace(/1$/, "2")]);
    const jobs = 'owner="acme",repo="api",workflow="ci",runs_on="ubuntu-latest"';
    expect(await fleet.samples("github_workflow_jobs_queued_total")).toEqual([`github_workflow_jobs_queued_total{${jobs}} 2`]);
    expect(await fleet.samples("github_workflow_jobs_completed_total")).toEqual([]);
    expect(await fleet.samples("github_workflow_runs_completed_total")).toEqual([]);
    expect(github.unexpected).toEqual([]);
  });

  it("waits as GitHub asks, retries failures, and reports what it could not fill", async () => {
    const { github, fleet } = await setUp();
    github.fail(1, "secondary", { retryAfter: 1, path: /web/ });
    github.fail(1, "server", { path: /api/ });
    const { code, stderr } = await backfill(fleet.url, github, ["--org", "acme", "--repo", "acme/absent"]);
    expect(stderr).toMatch(/GitHub's limits: waiting \d s/);
    expect(stderr).toMatch(/acme\/absent: .*404/);
    expect(code).toBe(1);
    await fleet.process();
    expect(await fleet.samples("github_workflow_runs{")).toEqual(RIGHT.slice(0, 2));
  });

  it("uses the App's installation token, and skips repositories that are not measured", async () => {
    const { github, fleet } = await setUp();
    const app = { GITHUB_TOKEN: "", GITHUB_APP_ID: String(github.app.appId), GITHUB_APP_PRIVATE_KEY: github.app.privateKey };
    const { code, stdout } = await backfill(fleet.url, github, ["--org", "acme"], { ...app, REPOSITORY_DENY: "acme/web" });
    expect({ code, stdout }).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("1 open runs and 2 open jobs of 1 repositories") as string,
    });
    expect(github.requests.filter(({ path }) => path.includes("acme/web"))).toEqual([]);
  });

  it("reports missing settings", async () => {
    const { github, fleet } = await setUp();
    expect((await backfill(fleet.url, github, [])).stderr).toContain("add --org or --repo");
    expect((await backfill(fleet.url, github, ["--repo", "acme"])).stderr).toContain("allowed: owner/name");
    expect((await backfill(fleet.url, github, ["--org", "acme"], { GITHUB_TOKEN: "" })).stderr).toContain(
      "set GITHUB_APP_ID and GITHUB_APP_PRIVATE_KEY, or GITHUB_TOKEN",
    );
    expect(await rowsOf(fleet.url, "SELECT FROM octogauge.inbox")).toEqual([]);
  });
});
