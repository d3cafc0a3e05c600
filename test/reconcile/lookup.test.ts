import { describe, expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { sql } from "../../src/database/sql.js";
import { LookupLoop } from "../../src/reconcile/lookup.loop.js";
import { closeGone, staleRuns } from "../../src/workflow-state/lookups.sql.js";
import { rowsOf } from "../support/database.js";
import { FakeGitHub } from "../support/fake-github/fake-github.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN, runPayload } from "../support/payloads.js";
import { at } from "../support/clock.js";

const JOB = 'owner="acme",repo="api",workflow="ci",runs_on="ubuntu-latest"';
const RUN = 'owner="acme",repo="api",workflow="ci"';
const RAN_RUN = { conclusion: "success", updated_at: at("10:02:00") };

let number = 0;
const id = () => `${(0x7000_0000 + (number += 1)).toString(16)}-b6ef-11f0-8de9-0242ac120002`;

/** A fleet and a fake GitHub that sends it only the events that the test asks for. */
async function setUp(overrides: Record<string, string> = {}) {
  const github = await FakeGitHub.start();
  github.addRepository("acme/api", { default_branch: "main" });
  const fleet = await stillFleet({ GITHUB_API_URL: github.url, GITHUB_TOKEN: github.token, RECONCILE_AFTER: "10m", ...overrides });
  const lookUp = async () => {
    const outcome = await fleet.get(LookupLoop).runOnce();
    await fleet.process();
    return outcome;
  };
  return {
    github,
    fleet,
    lookUp,
    /** Happens at GitHub without a webhook. */
    happen: (event: string, payload: unknown) => github.happen({ deliveryId: id(), event, body: JSON.stringify(payload) }, { hooks: [] }),
    /** Happens at GitHub, and the fleet receives the event. */
    async receive(event: string, payload: unknown) {
      const deliveryId = id();
      await github.happen({ deliveryId, event, body: JSON.stringify(payload) }, { hooks: [] });
      await fleet.deliver(event, payload, deliveryId);
    },
    /** Makes all rows as old as if no event had come for `seconds`. */
    ageRows: (seconds: number) =>
      Promise.all(
        ["workflow_runs SET changed_at", "workflow_jobs SET changed_at", "lookups SET asked_at"].map((assignment) =>
          sql(fleet.get(Database), `UPDATE octogauge.${assignment} = now() - make_interval(secs => $1)`, [seconds]),
        ),
      ),
    requested: () => github.requests.map(({ path, status }) => `${status} ${path.replace("/repos/acme/api/actions/runs/", "")}`),
    paths: () => github.requests.map(({ path }) => path.replace("/repos/acme/api", "")),
  };
}

const LOOKED_UP = (outcome: string, count: number) => [`octogauge_lookups_total{outcome="${outcome}"} ${count}`];

describe("a stale open attempt", () => {
  it("is looked up, and the result counts once, as an event would", async () => {
    const { fleet, lookUp, receive, happen, ageRows, github } = await setUp();
    await receive("workflow_run", runPayload("in_progress"));
    await receive("workflow_job", jobPayload("in_progress", { runner_id: 7, started_at: RAN.started_at }));
    await happen("workflow_job", jobPayload("completed", RAN));
    await happen("workflow_job", jobPayload("completed", { ...RAN, id: 1002, conclusion: "failure" }));
    await happen("workflow_run", runPayload("completed", RAN_RUN));
    await ageRows(601);
    await lookUp();
    const shown = async () => [
      ...(await fleet.samples("github_workflow_runs{")),
      ...(await fleet.samples("github_workflow_jobs{")),
      ...(await fleet.samples("github_workflow_runs_completed_total")),
      ...(await fleet.samples("github_workflow_run_duration_seconds_sum")),
      ...(await fleet.samples("github_workflow_jobs_")).sort(),
      ...(await fleet.samples("github_workflow_job_queue_seconds_sum")),
    ];
    const right = [
      `github_workflow_runs_completed_total{${RUN},branch="default",event="push",conclusion="success"} 1`,
      `github_workflow_run_duration_seconds_sum{${RUN},branch="default",conclusion="success"} 120`,
      `github_workflow_jobs_completed_total{${JOB},conclusion="failure"} 1`,
      `github_workflow_jobs_completed_total{${JOB},conclusion="success"} 1`,
      `github_workflow_jobs_queued_total{${JOB}} 2`,
      `github_workflow_jobs_started_total{${JOB}} 2`,
      `github_workflow_job_queue_seconds_sum{${JOB}} 24`,
    ];
    expect(await shown()).toEqual(right);
    // The events arrive afterwards.
    await fleet.deliver("workflow_job", jobPayload("completed", RAN));
    await fleet.deliver("workflow_job", jobPayload("completed", { ...RAN, id: 1002, conclusion: "failure" }));
    await fleet.deliver("workflow_run", runPayload("completed", RAN_RUN));
    expect(await shown()).toEqual(right);
    // A look-up is no event: two deliveries came before it and three after it.
    const events = await fleet.samples("github_events_total");
    expect(events.map((line) => Number(line.split(" ").at(-1))).reduce((sum, count) => sum + count, 0)).toBe(5);
    expect(await fleet.samples("octogauge_lookups_total")).toEqual(LOOKED_UP("answered", 1));
    expect(github.unexpected).toEqual([]);
  });

  it("is left alone until RECONCILE_AFTER, and after a look-up for as long again", async () => {
    const { lookUp, receive, ageRows, requested } = await setUp();
    await receive("workflow_run", runPayload("in_progress"));
    await ageRows(595);
    await lookUp();
    expect(requested()).toEqual([]);
    await ageRows(601);
    await lookUp();
    await lookUp();
    expect(requested().filter((line) => line.includes("attempts"))).toEqual(["200 501/attempts/1", "200 501/attempts/1/jobs"]);
  });

  it("is requested with the ETags of the last answers, and no longer after its end", async () => {
    const { fleet, lookUp, receive, happen, ageRows, requested } = await setUp();
    await receive("workflow_run", runPayload("in_progress"));
    await receive("workflow_job", jobPayload("in_progress", { runner_id: 7 }));
    await ageRows(601);
    await lookUp();
    await ageRows(601);
    await lookUp();
    expect(requested().slice(-2)).toEqual(["304 501/attempts/1", "304 501/attempts/1/jobs"]);
    expect(await fleet.samples("octogauge_lookups_total")).toEqual([...LOOKED_UP("answered", 1), ...LOOKED_UP("unchanged", 1)]);
    await happen("workflow_run", runPayload("completed", RAN_RUN));
    await ageRows(601);
    await lookUp();
    const before = requested().length;
    await ageRows(601);
    await lookUp();
    expect(requested()).toHaveLength(before);
    expect(await fleet.samples("github_workflow_jobs{")).toEqual([]);
  });

  it("is closed if GitHub no longer has it, and not counted as completed", async () => {
    const { fleet, github, lookUp, receive, ageRows } = await setUp();
    await receive("workflow_run", runPayload("in_progress"));
    await receive("workflow_job", jobPayload("queued"));
    github.deleteRun(501);
    await ageRows(601);
    await lookUp();
    expect(await fleet.samples("github_workflow_runs{")).toEqual([]);
    expect(await fleet.samples("github_workflow_jobs{")).toEqual([]);
    expect(
      await rowsOf(fleet.url, "SELECT state FROM octogauge.workflow_runs UNION ALL SELECT state FROM octogauge.workflow_jobs"),
    ).toEqual([{ state: 2 }, { state: 2 }]);
    expect(await fleet.samples("github_workflow_runs_completed_total")).toEqual([]);
    expect(await fleet.samples("github_workflow_jobs_completed_total")).toEqual([]);
    expect(await fleet.samples("octogauge_lookups_total")).toEqual(LOOKED_UP("gone", 1));
  });

  it("stays open if the credentials cannot see the repository, because a 404 then proves nothing", async () => {
    const { fleet, github, lookUp, receive, ageRows } = await setUp();
    await receive("workflow_run", runPayload("in_progress"));
    github.deleteRepository("acme/api");
    await ageRows(601);
    await lookUp();
    expect(await fleet.samples("github_workflow_runs{")).toEqual([`github_workflow_runs{${RUN},status="in_progress"} 1`]);
    expect(await fleet.samples("octogauge_lookups_total")).toEqual(LOOKED_UP("unseen", 1));
  });

  it("is not closed if an event arrives during the look-up", async () => {
    const { fleet, receive, ageRows } = await setUp();
    await receive("workflow_run", runPayload("in_progress"));
    await receive("workflow_job", jobPayload("queued"));
    await ageRows(601);
    const [stale] = await staleRuns(fleet.get(Database), 600, 1);
    await fleet.deliver("workflow_run", runPayload("in_progress", { updated_at: at("10:01:00") }));
    await closeGone(fleet.get(Database), stale!);
    expect(await fleet.samples("github_workflow_runs{")).toHaveLength(1);
    expect(await fleet.samples("github_workflow_jobs{")).toEqual([]);
  });

  it("is looked up in the order of its last event, one batch of runs after the other", async () => {
    const { fleet, lookUp, receive, paths } = await setUp();
    for (let run = 1; run <= 105; run += 1) await receive("workflow_run", runPayload("in_progress", { id: run }));
    await sql(fleet.get(Database), "UPDATE octogauge.workflow_runs SET changed_at = now() - make_interval(secs => 1000 + run_id)");
    expect(await lookUp()).toBe("again");
    const runs = () =>
      paths()
        .filter((path) => path.endsWith("attempts/1"))
        .map((path) => Number(path.split("/")[3]));
    expect(runs()).toEqual(Array.from({ length: 100 }, (_, index) => 105 - index));
    expect(await lookUp()).toBe("idle");
    expect(runs()).toHaveLength(105);
  });

  it("is looked up within RECONCILE_BUDGET of the rate limit", async () => {
    const { fleet, github, lookUp, receive, ageRows, requested } = await setUp({ RECONCILE_BUDGET: "40" });
    for (let run = 1; run <= 10; run += 1) await receive("workflow_run", runPayload("in_progress", { id: run }));
    // 3000 of 5000 requests are reserved for other clients.
    github.setRateLimit("token", { limit: 5_000, remaining: 3_004, resetInSeconds: 1 });
    await ageRows(601);
    await lookUp();
    expect(requested()).toHaveLength(4);
    expect(await rowsOf(fleet.url, "SELECT FROM octogauge.lookups")).toHaveLength(1);
  });

  it("on a branch other than the default one is counted with that branch", async () => {
    const { fleet, lookUp, receive, happen, ageRows } = await setUp();
    await receive("workflow_job", jobPayload("in_progress", { run_id: 502, runner_id: 7 }));
    await receive("workflow_run", runPayload("requested"));
    await happen("workflow_run", runPayload("requested", { id: 502, head_branch: "topic" }));
    await ageRows(601);
    await lookUp();
    expect(await fleet.samples("github_workflow_runs_requested_total")).toEqual([
      `github_workflow_runs_requested_total{${RUN},branch="default",event="push"} 1`,
      `github_workflow_runs_requested_total{${RUN},branch="other",event="push"} 1`,
    ]);
  });

  it("of a hook that sends only jobs is looked up by its jobs only", async () => {
    const { fleet, lookUp, receive, happen, ageRows, requested } = await setUp();
    await receive("workflow_job", jobPayload("in_progress", { runner_id: 7 }));
    await happen("workflow_run", runPayload("in_progress"));
    await ageRows(601);
    await lookUp();
    expect(requested()).toEqual(["200 501/attempts/1/jobs"]);
    expect(await fleet.samples("github_workflow_runs")).toEqual([]);
  });

  it("loses open jobs that GitHub does not list, but not jobs with a recent event", async () => {
    const { fleet, lookUp, receive, ageRows } = await setUp();
    await receive("workflow_run", runPayload("in_progress"));
    await receive("workflow_job", jobPayload("in_progress", { runner_id: 7 }));
    // A check run of another app, which GitHub does not list as a job.
    await fleet.deliver("workflow_job", jobPayload("queued", { id: 2002 }));
    await ageRows(601);
    await fleet.deliver("workflow_job", jobPayload("queued", { id: 2003 }));
    await lookUp();
    expect(await rowsOf(fleet.url, "SELECT job_id, state FROM octogauge.workflow_jobs ORDER BY 1")).toEqual([
      { job_id: "1001", state: 0 },
      { job_id: "2002", state: 2 },
      { job_id: "2003", state: 0 },
    ]);
    expect(await fleet.samples("github_workflow_jobs_completed_total")).toEqual([]);
  });

  it("is requested in full again after some hours, however often GitHub answered 304", async () => {
    const { fleet, lookUp, receive, ageRows, requested } = await setUp();
    await receive("workflow_run", runPayload("in_progress"));
    await ageRows(601);
    await lookUp();
    await ageRows(601);
    await lookUp();
    await sql(fleet.get(Database), "UPDATE octogauge.lookups SET answered_at = now() - interval '7 h'");
    await ageRows(601);
    await lookUp();
    expect(
      requested()
        .filter((line) => line.endsWith(" 501/attempts/1"))
        .map((line) => line.split(" ")[0]),
    ).toEqual(["200", "304", "200"]);
  });

  it("is not closed if GitHub still has its jobs", async () => {
    const { fleet, lookUp, happen, ageRows } = await setUp();
    await fleet.deliver("workflow_run", runPayload("in_progress"));
    await happen("workflow_job", jobPayload("in_progress", { runner_id: 7 }));
    await ageRows(601);
    await lookUp();
    expect(await fleet.samples("github_workflow_runs{")).toHaveLength(1);
    expect(await fleet.samples("github_workflow_jobs{")).toHaveLength(1);
  });

  it("that fails does not delay the others, but all pause if GitHub itself fails", async () => {
    const { fleet, github, lookUp, receive, ageRows, requested } = await setUp();
    await receive("workflow_run", runPayload("in_progress", { id: 1 }));
    await receive("workflow_run", runPayload("in_progress", { id: 2 }));
    await ageRows(601);
    github.fail(1, "garbage", { path: /runs\/1\// });
    await lookUp();
    expect(requested()).toContain("200 2/attempts/1/jobs");
    expect(await fleet.samples("octogauge_lookups_total")).toEqual([...LOOKED_UP("answered", 1), ...LOOKED_UP("failed", 1)]);
    await ageRows(601);
    github.fail(1, "server");
    const before = requested().length;
    // The other attempt is not looked up in this round, and the loop rests.
    expect(await lookUp()).toEqual({ restSeconds: 10 });
    expect(requested()).toHaveLength(before + 1);
  });
});

describe("rule 6 with look-ups", () => {
  it("an attempt that GitHub still shows as open is not lost; one without an answer is lost after a day", async () => {
    const { fleet, lookUp, receive, ageRows } = await setUp({ RUN_LIMIT: "1d", JOB_RUNNING_LIMIT: "1d" });
    await receive("workflow_run", runPayload("in_progress"));
    await receive("workflow_job", jobPayload("in_progress", { runner_id: 7 }));
    await ageRows(601);
    await lookUp();
    await fleet.checkLost();
    expect(await fleet.samples("github_workflow_runs{")).toHaveLength(1);
    expect(await fleet.samples("github_workflow_jobs{")).toHaveLength(1);
    await sql(fleet.get(Database), "UPDATE octogauge.lookups SET found_at = now() - interval '25 h'");
    await fleet.checkLost();
    expect(await fleet.samples("github_workflow_runs{")).toEqual([]);
    expect(await fleet.samples("github_workflow_runs_lost_total")).toEqual(['github_workflow_runs_lost_total{owner="acme",repo="api"} 1']);
    expect(await fleet.samples("github_workflow_jobs_lost_total")).toEqual(['github_workflow_jobs_lost_total{owner="acme",repo="api"} 1']);
  });

  it("an attempt that was not looked up yet gets another day for the look-up", async () => {
    const { fleet, receive, ageRows, lookUp, github } = await setUp({ RUN_LIMIT: "1d" });
    const since = (hours: number) =>
      sql(fleet.get(Database), "UPDATE octogauge.workflow_runs SET since = now() - make_interval(hours => $1)", [hours]);
    await receive("workflow_run", runPayload("in_progress"));
    await since(47);
    await fleet.checkLost();
    expect(await fleet.samples("github_workflow_runs{")).toHaveLength(1);
    github.deleteRepository("acme/api");
    await ageRows(601);
    await lookUp();
    await fleet.checkLost();
    expect(await fleet.samples("github_workflow_runs{")).toEqual([]);
    expect(await fleet.samples("github_workflow_runs_lost_total")).toHaveLength(1);
  });

  it("without credentials, the time limit alone decides", async () => {
    const fleet = await stillFleet({ RUN_LIMIT: "1d", RECONCILE_AFTER: "50ms" });
    await fleet.deliver("workflow_run", runPayload("in_progress"));
    expect(await fleet.get(LookupLoop).runOnce()).toBe("idle");
    await fleet.checkLost();
    expect(await fleet.samples("github_workflow_runs_lost_total")).toEqual(['github_workflow_runs_lost_total{owner="acme",repo="api"} 1']);
  });
});
