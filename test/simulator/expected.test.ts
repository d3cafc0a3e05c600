import { describe, expect, it } from "vitest";
import { Expectation, type ExpectedDelivery } from "../../src/simulator/expected.js";
import { generateHistory } from "../../src/simulator/history.js";
import { createRandom } from "../../src/simulator/random.js";

type Json = Record<string, unknown>;

const repository = { full_name: "acme/api", default_branch: "main" };
let nextId = 0;

/** A delivery whose GUID contains `order` as its time. */
function delivery(event: string, payload: Json, order = 0): ExpectedDelivery {
  const node = (nextId++).toString(16).padStart(12, "0");
  return {
    deliveryId: `${order.toString(16).padStart(8, "0")}-1234-11f1-8000-${node}`,
    event,
    body: JSON.stringify({ repository, ...payload }),
  };
}

const at = (seconds: number) => new Date(Date.UTC(2026, 9, 1, 8) + seconds * 1000).toISOString().replace(".000", "");

function run(action: string, updated: number, fields: Json = {}, order = updated): ExpectedDelivery {
  const times = { created_at: at(0), run_started_at: at(0), updated_at: at(updated) };
  const workflow_run = {
    id: 7,
    run_attempt: 1,
    name: "CI",
    event: "push",
    head_branch: "main",
    status: action,
    conclusion: null,
    ...times,
  };
  return delivery("workflow_run", { action, workflow: { name: "CI" }, workflow_run: { ...workflow_run, ...fields } }, order);
}

function job(action: string, fields: Json = {}, order = 0): ExpectedDelivery {
  const started = { started_at: at(action === "in_progress" || action === "completed" ? 4 : 0), runner_id: null };
  const over = action === "completed" ? { completed_at: at(64), runner_id: 3, conclusion: "success" } : {};
  const base = { id: 70, run_id: 7, run_attempt: 1, workflow_name: "CI", labels: ["x64", "linux"], created_at: at(0), ...started };
  return delivery("workflow_job", { action, workflow_job: { ...base, ...over, ...fields } }, order);
}

/** The series of these deliveries without buckets and github_events_total, with short labels. */
function fold(...deliveries: ExpectedDelivery[]): Record<string, number> {
  const expectation = new Expectation({ bounds: [10, 60] });
  for (const each of deliveries) expectation.add(each);
  const shown = [...expectation.series()].filter(([series]) => !/^github_events_total|_bucket/.test(series));
  const place = /^github_|owner="acme",repo="api",workflow="CI",|branch="default",|event="push",?|runs_on="linux,x64",?/g;
  return Object.fromEntries(shown.map(([series, value]) => [series.replaceAll(place, "").replace(/,?\}/, "}"), value]));
}

const requested = { "workflow_runs_requested_total{}": 1 };
const started = { ...requested, "workflow_runs_started_total{}": 1 };
const completed = (conclusion: string, sum: number) => ({
  [`workflow_runs_completed_total{conclusion="${conclusion}"}`]: 1,
  [`workflow_run_duration_seconds_sum{conclusion="${conclusion}"}`]: sum,
  [`workflow_run_duration_seconds_count{conclusion="${conclusion}"}`]: 1,
});
const jobQueued = { "workflow_jobs_queued_total{}": 1 };
const jobStarted = {
  ...jobQueued,
  "workflow_jobs_started_total{}": 1,
  "workflow_job_queue_seconds_sum{}": 4,
  "workflow_job_queue_seconds_count{}": 1,
};
const jobCompleted = {
  ...jobStarted,
  'workflow_jobs_completed_total{conclusion="success"}': 1,
  'workflow_job_duration_seconds_sum{conclusion="success"}': 60,
  'workflow_job_duration_seconds_count{conclusion="success"}': 1,
};

describe("the expected series of runs", () => {
  it("count each fact once over two hooks and duplicates", () => {
    const copy = run("requested", 0);
    expect(fold(copy, copy, run("requested", 0), run("in_progress", 2), run("in_progress", 2))).toEqual({
      ...started,
      'workflow_runs{status="in_progress"}': 1,
    });
  });

  it("are not moved back by late events", () => {
    const done = run("completed", 90, { conclusion: "success" });
    const expected = { ...started, ...completed("success", 90) };
    expect(fold(done, run("in_progress", 2), run("requested", 0))).toEqual(expected);
    expect(fold(done)).toEqual(expected);
  });

  it("know the start of a run only from conclusions that require one", () => {
    expect(fold(run("completed", 9, { conclusion: "cancelled" }))).toEqual({ ...requested, ...completed("cancelled", 9) });
    expect(fold(run("completed", 9, { status: "queued" }))).toEqual({ ...requested, ...completed("", 9) });
  });

  it("use the own open status of a requested run", () => {
    expect(fold(run("requested", 0, { status: "pending" }))).toEqual({ ...requested, 'workflow_runs{status="pending"}': 1 });
    expect(fold(run("requested", 0, { status: "completed" }))).toEqual({ ...requested, 'workflow_runs{status="queued"}': 1 });
    expect(fold(run("requested", 0, { status: "in_progress" }))).toEqual({ ...started, 'workflow_runs{status="in_progress"}': 1 });
  });

  it("keep a run that needs an approval waiting until it completes", () => {
    const fields = { status: "completed", conclusion: "action_required" };
    const waits = [run("requested", 0, fields), run("completed", 0, fields)];
    expect(fold(...waits)).toEqual({ ...requested, 'workflow_runs{status="waiting"}': 1 });
    expect(fold(...waits, job("queued"))).toMatchObject({ 'workflow_jobs{status="queued"}': 1 });
    expect(fold(run("completed", 50, { conclusion: "failure" }), ...waits)).toEqual({ ...started, ...completed("failure", 50) });
  });

  it("do not include attempts superseded by a newer one", () => {
    const twice = { "workflow_runs_requested_total{}": 2 };
    const newer = run("requested", 20, { run_attempt: 2, status: "queued" });
    expect(fold(newer, run("requested", 0, { status: "queued" }), job("queued"))).toEqual({
      ...twice,
      ...jobQueued,
      'workflow_runs{status="queued"}': 1,
    });
    expect(fold(job("queued"), job("queued", { id: 71, run_attempt: 2 }))).toMatchObject({ 'workflow_jobs{status="queued"}': 1 });
  });

  it("clamp a negative duration at 0", () => {
    expect(fold(run("completed", -3, { conclusion: "cancelled" }))).toEqual({ ...requested, ...completed("cancelled", 0) });
  });

  it.each([
    ["other", { head_branch: "topic" }],
    ["other", { head_repository: { full_name: "mona/api" } }],
    ["tag", { event: "release" }],
    ["", { head_branch: null }],
    ["", { head_branch: "" }],
  ])("have branch class %j for %j", (branch, fields) => {
    expect(Object.keys(fold(run("requested", 0, fields)))[0]).toContain(`branch="${branch}"`);
  });

  it("name the workflow after the run if the workflow is null", () => {
    const expectation = new Expectation();
    expectation.add(delivery("workflow_run", { action: "requested", workflow: null, workflow_run: { id: 1, name: 'C:\\a "b"\n' } }));
    const text = 'github_workflow_runs{owner="acme",repo="api",workflow="C:\\\\a \\"b\\"\\n",status="queued"}';
    expect(expectation.series().get(text)).toBe(1);
  });
});

describe("the expected series of jobs", () => {
  it("follow a job from queue to completion", () => {
    expect(fold(job("queued"))).toEqual({ ...jobQueued, 'workflow_jobs{status="queued"}': 1 });
    expect(fold(job("in_progress"))).toEqual({ ...jobStarted, 'workflow_jobs{status="in_progress"}': 1 });
    expect(fold(job("completed"), job("in_progress"), job("in_progress"), job("queued"))).toEqual(jobCompleted);
  });

  it("count a repeated completion once", () => {
    expect(fold(job("completed"), job("completed", {}, 900))).toEqual(jobCompleted);
  });

  it("end in the later state of an approval gate, by the time in the GUID", () => {
    const gate = [job("queued", {}, 1), job("waiting", {}, 2), job("queued", {}, 3)];
    for (const order of [gate, gate.toReversed()]) expect(fold(...order)).toEqual({ ...jobQueued, 'workflow_jobs{status="queued"}': 1 });
    expect(fold(job("waiting", {}, 2), job("queued", {}, 1))).toEqual({ ...jobQueued, 'workflow_jobs{status="waiting"}': 1 });
  });

  it("keep a completed job closed, even for events with later times", () => {
    const later = job("in_progress", { started_at: at(900) }, 99);
    expect(Object.keys(fold(job("completed"), later)).join()).not.toContain("workflow_jobs{");
  });

  it("close the open jobs of a completed attempt and count a later completion", () => {
    const over = run("completed", 90, { conclusion: "success" });
    const ofRun = { ...started, ...completed("success", 90) };
    expect(fold(over, job("in_progress"))).toEqual({ ...ofRun, ...jobStarted });
    expect(fold(job("in_progress"), over, job("completed"))).toEqual({ ...ofRun, ...jobCompleted });
  });

  it("know only the completion of a skipped job", () => {
    const skipped = job("completed", { conclusion: "skipped", labels: [], runner_id: null, completed_at: at(-1), started_at: at(-1) });
    expect(fold(skipped)).toEqual({ 'workflow_jobs_completed_total{runs_on="",conclusion="skipped"}': 1 });
  });

  it.each([null, 0, undefined])("keep a job cancelled with runner_id %s out of the histograms", (runner_id) => {
    expect(fold(job("completed", { conclusion: "cancelled", runner_id }))).toEqual({
      ...jobQueued,
      'workflow_jobs_completed_total{conclusion="cancelled"}': 1,
    });
  });

  it("clamp negative times at 0 and skip unknown ones", () => {
    const early = { started_at: at(-2), completed_at: at(-5) };
    expect(fold(job("completed", early))).toEqual({
      ...jobCompleted,
      "workflow_job_queue_seconds_sum{}": 0,
      'workflow_job_duration_seconds_sum{conclusion="success"}': 0,
    });
    expect(Object.keys(fold(job("in_progress", { created_at: undefined }))).join()).not.toContain("queue_seconds");
  });

  it("put durations into buckets with an inclusive bound", () => {
    const expectation = new Expectation({ bounds: [10, 60] });
    expectation.add(job("completed"));
    const bucket = (le: string) =>
      `github_workflow_job_duration_seconds_bucket{owner="acme",repo="api",workflow="CI",runs_on="linux,x64",conclusion="success",le="${le}"}`;
    expect(["10", "60", "+Inf"].map((le) => expectation.series().get(bucket(le)))).toEqual([0, 1, 1]);
  });
});

describe("the other expected series", () => {
  it("count commits by branch class, and none for an empty push", () => {
    const push = (ref: string, commits: number) => delivery("push", { ref, commits: Array.from({ length: commits }, () => ({})) });
    expect(fold(push("refs/heads/main", 2), push("refs/heads/x", 3), push("refs/tags/v1", 1), push("refs/heads/main/x", 0))).toEqual({
      'push_commits_total{owner="acme",repo="api",branch="default"}': 2,
      'push_commits_total{owner="acme",repo="api",branch="other"}': 3,
      'push_commits_total{owner="acme",repo="api",branch="tag"}': 1,
    });
    expect(fold(push("refs/heads/x", 0))).toEqual({});
  });

  it("count pull requests, and events by delivery id", () => {
    const opened = delivery("pull_request", { action: "opened", pull_request: { base: { ref: "main" } } });
    const expectation = new Expectation();
    for (const each of [opened, opened, delivery("ping", {}), delivery("workflow_job", { action: "queued", workflow_job: null })])
      expectation.add(each);
    expect(Object.fromEntries(expectation.series())).toEqual({
      'github_pull_requests_total{owner="acme",repo="api",base_branch="default",action="opened"}': 1,
      'github_events_total{event="pull_request",action="opened"}': 1,
      'github_events_total{event="ping",action=""}': 1,
      'github_events_total{event="workflow_job",action="queued"}': 1,
    });
    expect([...expectation.owners()]).toEqual(["acme"]);
  });

  it("do not depend on the order of deliveries", () => {
    const history = [...generateHistory({ deliveries: 2500, seed: 5 })];
    const inOrder = new Expectation();
    for (const each of history) inOrder.add(each);
    for (const seed of ["a", "b"]) {
      const random = createRandom(seed);
      const shuffled = new Expectation();
      const keyed = history.map((each) => ({ each, key: random.next() })).toSorted((a, b) => a.key - b.key);
      for (const { each } of keyed) shuffled.add(each);
      expect(new Map([...shuffled.series()].toSorted())).toEqual(new Map([...inOrder.series()].toSorted()));
    }
  });
});
