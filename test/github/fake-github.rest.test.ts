import { randomUUID } from "node:crypto";
import { describe, expect, test } from "vitest";
import { generateHistory } from "../../src/simulator/history.js";
import { FakeGitHub } from "../support/fake-github/fake-github.js";
import { replayHistory } from "../support/fake-github/history.js";
import { jobPayload, RAN, repository, runPayload } from "../support/payloads.js";
import { guid } from "../truth/histories.js";
import { asApp, refusal, withToken } from "./clients.js";
import { at } from "../support/clock.js";

const RUNS = "GET /repos/{owner}/{repo}/actions/runs";
const RUN = `${RUNS}/{run_id}` as const;
const ATTEMPT = `${RUN}/attempts/{attempt_number}` as const;
const JOBS = `${ATTEMPT}/jobs` as const;
const JOB = "GET /repos/{owner}/{repo}/actions/jobs/{job_id}";
const api = { owner: "acme", repo: "api" };

async function setUp() {
  const github = await FakeGitHub.start();
  const { request } = withToken(github);
  /** Without a webhook: only REST shows it. */
  const happens = (event: string, payload: unknown, deliveryId: string = randomUUID()) =>
    github.happen({ deliveryId, event, body: JSON.stringify(payload) }, { hooks: [] });
  const stateOf = async (run_id: number) => {
    const { status, conclusion, run_attempt } = (await request(RUN, { ...api, run_id })).data;
    return { status, conclusion, run_attempt };
  };
  const job = async (job_id = 1001) => (await request(JOB, { ...api, job_id })).data;
  return { github, request, happens, stateOf, job };
}

describe("a run", () => {
  test("has REST's form: no workflow, and minimal repositories", async () => {
    const { happens, request, github } = await setUp();
    await happens("workflow_run", runPayload("in_progress", { workflow_id: 5 }));
    const { data } = await request(RUN, { ...api, run_id: 501 });
    expect(data).toMatchObject({ id: 501, name: "ci", status: "in_progress", conclusion: null, event: "push", workflow_id: 5 });
    expect(data.repository).toMatchObject({ full_name: "acme/api", name: "api", owner: { login: "acme" } });
    expect(data.head_repository).toMatchObject({ full_name: "acme/api" });
    expect(data.jobs_url).toBe(`${github.url}/repos/acme/api/actions/runs/501/jobs`);
    expect(Object.keys(data)).not.toContain("workflow");
    expect(Object.keys(data.repository)).not.toContain("default_branch");
  });

  test("shows its newest attempt, and older attempts stay readable", async () => {
    const { happens, request, stateOf } = await setUp();
    await happens("workflow_run", runPayload("completed", { conclusion: "failure", updated_at: at("10:05:00") }));
    await happens("workflow_run", runPayload("requested", { run_attempt: 2, updated_at: at("10:09:00") }));
    expect(await stateOf(501)).toEqual({ status: "queued", conclusion: null, run_attempt: 2 });
    const first = await request(ATTEMPT, { ...api, run_id: 501, attempt_number: 1 });
    expect(first.data).toMatchObject({ status: "completed", conclusion: "failure", run_attempt: 1, previous_attempt_url: null });
    expect(await refusal(request(ATTEMPT, { ...api, run_id: 501, attempt_number: 3 }))).toBe(404);
    expect((await request(RUNS, api)).data).toMatchObject({ total_count: 1, workflow_runs: [{ id: 501, run_attempt: 2 }] });
  });

  test("that completed is completed, even if its payload says queued", async () => {
    const { happens, stateOf } = await setUp();
    await happens("workflow_run", runPayload("completed", { status: "queued" }));
    await happens("workflow_run", runPayload("in_progress", { updated_at: at("11:00:00") }));
    expect(await stateOf(501)).toEqual({ status: "completed", conclusion: null, run_attempt: 1 });
  });

  test("that waits for an approval is completed, as at GitHub, until it continues", async () => {
    const { happens, stateOf, job } = await setUp();
    const waits = { status: "completed", conclusion: "action_required" };
    await happens("workflow_run", runPayload("completed", waits));
    await happens("workflow_job", jobPayload("queued"));
    expect(await stateOf(501)).toEqual({ ...waits, run_attempt: 1 });
    expect((await job()).status).toBe("queued");
    await happens("workflow_run", runPayload("in_progress", { updated_at: at("10:30:00") }));
    expect(await stateOf(501)).toEqual({ status: "in_progress", conclusion: null, run_attempt: 1 });
  });
});

describe("a job", () => {
  test("has REST's form: no repository, and a creation time", async () => {
    const { happens, job, github } = await setUp();
    await happens("workflow_job", jobPayload("completed", { ...RAN, created_at: undefined }));
    const shown = await job();
    expect(shown).toMatchObject({ id: 1001, run_id: 501, run_attempt: 1, status: "completed", conclusion: "success", runner_id: 7 });
    expect(shown).toMatchObject({ labels: ["ubuntu-latest"], created_at: RAN.started_at, completed_at: RAN.completed_at });
    expect(shown.run_url).toBe(`${github.url}/repos/acme/api/actions/runs/501`);
    expect(Object.keys(shown)).not.toContain("repository");
  });

  test("is cancelled with its attempt unless its own event says how it ended", async () => {
    const { happens, job } = await setUp();
    await happens("workflow_job", jobPayload("in_progress", { ...RAN, completed_at: null, conclusion: null }));
    expect((await job()).status).toBe("in_progress");
    await happens("workflow_run", runPayload("completed", { conclusion: "cancelled", updated_at: at("10:02:00") }));
    expect(await job()).toMatchObject({ status: "completed", conclusion: "cancelled", completed_at: at("10:02:00") });
    await happens("workflow_job", jobPayload("completed", RAN));
    expect(await job()).toMatchObject({ status: "completed", conclusion: "success", completed_at: RAN.completed_at });
  });

  test.each<[string, object, object]>([
    [
      "its own times before the GUID's",
      jobPayload("in_progress", { started_at: at("10:00:30") }),
      jobPayload("in_progress", { started_at: at("10:00:20") }),
    ],
    ["its times before its rank", jobPayload("queued", { started_at: at("10:00:30") }), jobPayload("in_progress")],
    ["its rank before the GUID's time", jobPayload("in_progress"), jobPayload("queued")],
    ["its end before everything", jobPayload("completed"), jobPayload("in_progress", { started_at: at("10:00:30") })],
  ])("is ordered by %s", async (_, further, nearer) => {
    const { status, started_at } = (further as ReturnType<typeof jobPayload>).workflow_job;
    const moment = Date.parse(at("10:00:00")) * 1_000;
    for (const order of [
      [0, 1],
      [1, 0],
    ]) {
      const { happens, job } = await setUp();
      for (const i of order) await happens("workflow_job", [further, nearer][i], guid(moment + i, 1));
      expect(await job()).toMatchObject({ status, started_at });
    }
  });

  test("is ordered by the GUID's time if nothing else differs", async () => {
    const { happens, job } = await setUp();
    const moment = Date.parse(at("10:00:00")) * 1_000;
    await happens("workflow_job", jobPayload("queued"), guid(moment + 2, 1));
    await happens("workflow_job", jobPayload("waiting"), guid(moment + 1, 1));
    expect((await job()).status).toBe("queued");
  });

  test("is on the pages of its attempt", async () => {
    const { happens, request } = await setUp();
    for (let id = 1; id <= 5; id++) await happens("workflow_job", jobPayload("queued", { id, run_attempt: id === 5 ? 2 : 1 }));
    const first = await request(JOBS, { ...api, run_id: 501, attempt_number: 1, per_page: 3 });
    expect([first.data.total_count, first.data.jobs.map(({ id }) => id)]).toEqual([4, [1, 2, 3]]);
    const next = /<([^>]*)>; rel="next"/.exec(first.headers.link ?? "")?.[1];
    const second = await request(`GET ${next}`);
    expect(second.data).toMatchObject({ total_count: 4, jobs: [{ id: 4 }] });
    expect(second.headers.link).not.toContain('rel="next"');
    expect(await refusal(request(JOBS, { ...api, run_id: 502, attempt_number: 1 }))).toBe(404);
  });
});

test("REST's answers do not depend on the order of events", async () => {
  const history = [...generateHistory({ deliveries: 800, owners: 1, repositories: 2 })];
  const names = [...new Set(history.map(({ body }) => (JSON.parse(body) as { repository: { full_name: string } }).repository.full_name))];
  const answers = [];
  for (const deliveries of [history, history.toReversed()]) {
    const { github, request } = await setUp();
    await replayHistory(github, deliveries, { hooks: [] });
    const shown: string[] = [];
    for (const name of names) {
      const [owner = "", repo = ""] = name.split("/");
      const runs = await request(RUNS, { owner, repo, per_page: 100 });
      shown.push(JSON.stringify(runs.data));
      for (const { id, run_attempt = 1 } of runs.data.workflow_runs) {
        const jobs = await request(JOBS, { owner, repo, run_id: Number(id), attempt_number: run_attempt, per_page: 100 });
        shown.push(JSON.stringify(jobs.data));
      }
    }
    answers.push(shown.map((text) => text.replaceAll(github.url, "")));
    expect(github.unexpected).toEqual([]);
  }
  expect(answers[0]?.length).toBeGreaterThan(20);
  expect(answers[0]).toEqual(answers[1]);
});

describe("lists", () => {
  test("of runs are filtered by status and creation, newest first", async () => {
    const { happens, request } = await setUp();
    for (let i = 1; i <= 4; i++) {
      const action = i === 2 ? "completed" : "in_progress";
      await happens("workflow_run", runPayload(action, { id: i, created_at: at(`10:0${i}:00`), conclusion: i === 2 ? "failure" : null }));
    }
    const ids = async (query: { status?: "in_progress" | "failure"; created?: string }) =>
      (await request(RUNS, { ...api, ...query })).data.workflow_runs.map(({ id }) => id);
    expect(await ids({})).toEqual([4, 3, 2, 1]);
    expect(await ids({ status: "in_progress" })).toEqual([4, 3, 1]);
    expect(await ids({ status: "failure" })).toEqual([2]);
    expect(await ids({ created: `>=${at("10:02:00")}` })).toEqual([4, 3, 2]);
    expect(await ids({ created: `<${at("10:02:00")}` })).toEqual([1]);
    expect(await ids({ created: `${at("10:02:00")}..${at("10:03:00")}` })).toEqual([3, 2]);
    expect(await ids({ created: "2026-01-01" })).toEqual([]);
    expect(await refusal(ids({ created: ">=yesterday" }))).toBe(422);
  });

  test("of filtered runs end at 1,000, as GitHub's do", async () => {
    const { happens, request } = await setUp();
    for (let id = 1; id <= 1_001; id++) await happens("workflow_run", runPayload("in_progress", { id }));
    const page = async (query: object) => (await request(RUNS, { ...api, per_page: 100, page: 11, ...query })).data;
    expect((await page({})).workflow_runs).toHaveLength(1);
    const filtered = await page({ status: "in_progress" });
    expect([filtered.total_count, filtered.workflow_runs.length]).toEqual([1_001, 0]);
  });

  test("of an organization's repositories", async () => {
    const { github, happens, request } = await setUp();
    github.addRepository("acme/web", { archived: true, default_branch: "trunk" });
    github.addRepository("globex/api");
    await happens("push", { repository: { ...repository, id: 77, archived: false } });
    const { data, headers } = await request("GET /orgs/{org}/repos", { org: "acme", type: "all", per_page: 1 });
    expect(data).toMatchObject([{ full_name: "acme/web", archived: true, default_branch: "trunk" }]);
    expect(headers.link).toContain(`<${github.url}/orgs/acme/repos?type=all&per_page=1&page=2>; rel="next"`);
    const one = await request("GET /repos/{owner}/{repo}", api);
    expect(one.data).toMatchObject({ id: 77, full_name: "acme/api", owner: { login: "acme" }, archived: false, private: true });
    expect(await refusal(request("GET /orgs/{org}/repos", { org: "initech" }))).toBe(404);
    const octokit = await asApp(github).getInstallationOctokit(github.installationId("acme"));
    const installed = await octokit.request("GET /installation/repositories");
    expect(installed.data.total_count).toBe(2);
    expect(installed.data.repositories.map(({ full_name }) => full_name)).toEqual(["acme/web", "acme/api"]);
  });

  test("the first payload completes a repository made up from a hook, and values set by a test win", async () => {
    const { github, happens, request } = await setUp();
    github.addHook("repo:acme/api:8", { webhookUrl: "http://127.0.0.1:1", secret: "" });
    github.addRepository("acme/api", { archived: true });
    await happens("push", { repository: { id: 77, full_name: "acme/api", default_branch: "trunk" } });
    await happens("push", { repository: { id: 77, full_name: "acme/api", default_branch: "old" } });
    const { data } = await request("GET /repos/{owner}/{repo}", api);
    expect(data).toMatchObject({ id: 77, default_branch: "trunk", archived: true });
  });
});

test("deleted objects are not found", async () => {
  const { github, happens, request, job } = await setUp();
  github.addHook("repo:acme/api:8", { webhookUrl: "http://127.0.0.1:1", secret: "" });
  for (const id of [501, 502]) {
    await happens("workflow_run", runPayload("in_progress", { id }));
    await happens("workflow_job", jobPayload("queued", { id: id + 500, run_id: id }));
  }
  github.deleteRun(501);
  expect(await refusal(request(RUN, { ...api, run_id: 501 }))).toBe(404);
  expect(await refusal(request(JOBS, { ...api, run_id: 501, attempt_number: 1 }))).toBe(404);
  expect(await refusal(job(1001))).toBe(404);
  expect((await job(1002)).run_id).toBe(502);
  github.deleteRepository("acme/api");
  expect(await refusal(request("GET /repos/{owner}/{repo}", api))).toBe(404);
  expect(await refusal(job(1002))).toBe(404);
  expect(await refusal(request("GET /repos/{owner}/{repo}/hooks/{hook_id}/deliveries", { ...api, hook_id: 8 }))).toBe(404);
  expect((await request("GET /orgs/{org}/repos", { org: "acme" })).data).toEqual([]);
});
