import { describe, expect, it } from "vitest";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN, repository, runPayload } from "../support/payloads.js";
import { at } from "../support/clock.js";

const JOB = 'owner="acme",repo="api",workflow="ci",runs_on="ubuntu-latest"';
const RUN = 'owner="acme",repo="api",workflow="ci",branch="default",event="push"';

/** Time `seconds` before now, recent enough for GitHub's limits. */
const ago = (seconds: number) => new Date(Date.now() - seconds * 1_000).toISOString();

describe("rule 1: facts are counted once", () => {
  it("a job whose completion arrives by another hook, a redelivery and a re-run counts once", async () => {
    const fleet = await stillFleet();
    for (let copy = 0; copy < 3; copy += 1) await fleet.deliver("workflow_job", jobPayload("completed", RAN));
    expect(await fleet.samples("github_workflow_jobs_")).toEqual([
      `github_workflow_jobs_queued_total{${JOB}} 1`,
      `github_workflow_jobs_started_total{${JOB}} 1`,
      `github_workflow_jobs_completed_total{${JOB},conclusion="success"} 1`,
    ]);
    expect(await fleet.samples("github_events_total")).toEqual(['github_events_total{event="workflow_job",action="completed"} 3']);
  });

  it("the same delivery id counts once, also after it was processed", async () => {
    const fleet = await stillFleet();
    const id = "11111111-2222-1333-8444-555555555555";
    expect(await fleet.accept("star", { action: "created" }, id)).toBe("accepted");
    await fleet.process();
    expect(await fleet.accept("star", { action: "created" }, id)).toBe("duplicate");
    await fleet.process();
    expect(await fleet.samples("github_events_total")).toEqual(['github_events_total{event="star",action="created"} 1']);
  });

  it.each([
    ["skipped", { labels: [], conclusion: "skipped", completed_at: RAN.completed_at }, { queued: 0, started: 0, completed: 1 }],
    ["cancelled in the queue", { conclusion: "cancelled", completed_at: RAN.completed_at }, { queued: 1, started: 0, completed: 1 }],
    ["of another app, with runner 0", { ...RAN, runner_id: 0 }, { queued: 1, started: 0, completed: 1 }],
    ["that ran", RAN, { queued: 1, started: 1, completed: 1 }],
  ])("a job %s is counted correctly from its completion alone", async (_, fields, counts) => {
    const fleet = await stillFleet();
    await fleet.deliver("workflow_job", jobPayload("completed", fields));
    const total = async (name: string) => Number((await fleet.samples(`github_workflow_jobs_${name}_total`))[0]?.split(" ").at(-1) ?? 0);
    expect({ queued: await total("queued"), started: await total("started"), completed: await total("completed") }).toEqual(counts);
    const observed = counts.started === 1 ? 1 : 0;
    expect(await fleet.samples("github_workflow_job_duration_seconds_count")).toHaveLength(observed);
    expect(await fleet.samples("github_workflow_job_queue_seconds_count")).toHaveLength(observed);
  });

  it.each([
    ["success", 1],
    ["failure", 1],
    ["timed_out", 1],
    ["neutral", 1],
    ["cancelled", 0],
    ["skipped", 0],
    ["stale", 0],
    ["startup_failure", 0],
  ])("an attempt completed with %s makes its start known: %i", async (conclusion, started) => {
    const fleet = await stillFleet();
    await fleet.deliver("workflow_run", runPayload("completed", { conclusion, updated_at: at("10:02:00") }));
    expect(await fleet.samples("github_workflow_runs_started_total")).toHaveLength(started);
    expect(await fleet.samples("github_workflow_runs_requested_total")).toEqual([`github_workflow_runs_requested_total{${RUN}} 1`]);
  });
});

describe("rule 3: state only moves forward", () => {
  it("a late queued event leaves a running job running", async () => {
    const fleet = await stillFleet();
    await fleet.deliver("workflow_job", jobPayload("in_progress", { runner_id: 7 }));
    await fleet.deliver("workflow_job", jobPayload("queued"));
    expect(await fleet.samples("github_workflow_jobs{")).toEqual([`github_workflow_jobs{${JOB},status="in_progress"} 1`]);
  });

  it("a run that needs an approval is waiting, whatever its action is, and completes later", async () => {
    const fleet = await stillFleet();
    await fleet.deliver("workflow_run", runPayload("completed", { status: "completed", conclusion: "action_required" }));
    expect(await fleet.samples("github_workflow_runs{")).toEqual([
      'github_workflow_runs{owner="acme",repo="api",workflow="ci",status="waiting"} 1',
    ]);
    expect(await fleet.samples("github_workflow_runs_completed_total")).toEqual([]);
    await fleet.deliver("workflow_run", runPayload("completed", { conclusion: "success", updated_at: at("10:09:00") }));
    expect(await fleet.samples("github_workflow_runs{")).toEqual([]);
    expect(await fleet.samples("github_workflow_runs_completed_total")).toEqual([
      `github_workflow_runs_completed_total{${RUN},conclusion="success"} 1`,
    ]);
  });

  it("accepts statuses and actions that GitHub may add", async () => {
    const fleet = await stillFleet();
    await fleet.deliver("workflow_job", jobPayload("paused", { status: "paused" }));
    await fleet.deliver("workflow_job", jobPayload("reassigned", { id: 2, status: "in_progress" }));
    expect(await fleet.samples("github_workflow_jobs{")).toEqual([
      `github_workflow_jobs{${JOB},status="in_progress"} 1`,
      `github_workflow_jobs{${JOB},status="paused"} 1`,
    ]);
  });
});

describe("rule 4: a newer or completed attempt closes open rows", () => {
  it("the rows leave the gauges at once, the next check closes them, and a later completion is still counted", async () => {
    const fleet = await stillFleet();
    await fleet.deliver("workflow_run", runPayload("in_progress"));
    await fleet.deliver("workflow_job", jobPayload("in_progress", { runner_id: 7 }));
    await fleet.deliver("workflow_run", runPayload("in_progress", { run_attempt: 2 }));
    await fleet.deliver("workflow_job", jobPayload("queued", { id: 1002, run_attempt: 2 }));
    const gauges = async () => [...(await fleet.samples("github_workflow_runs{")), ...(await fleet.samples("github_workflow_jobs{"))];
    const open = [
      'github_workflow_runs{owner="acme",repo="api",workflow="ci",status="in_progress"} 1',
      `github_workflow_jobs{${JOB},status="queued"} 1`,
    ];
    expect(await gauges()).toEqual(open);
    await fleet.checkLost();
    expect(await gauges()).toEqual(open);
    expect(await rowsOf(fleet.url, "SELECT state FROM octogauge.workflow_jobs ORDER BY job_id")).toEqual([{ state: 2 }, { state: 0 }]);
    expect(await rowsOf(fleet.url, "SELECT state FROM octogauge.workflow_runs ORDER BY run_attempt")).toEqual([{ state: 2 }, { state: 0 }]);
    expect(await fleet.samples("github_workflow_jobs_completed_total")).toEqual([]);

    await fleet.deliver("workflow_run", runPayload("completed", { run_attempt: 2, conclusion: "cancelled", updated_at: at("10:20:00") }));
    expect(await gauges()).toEqual([]);
    await fleet.deliver("workflow_job", jobPayload("completed", RAN));
    expect(await fleet.samples("github_workflow_jobs_completed_total")).toEqual([
      `github_workflow_jobs_completed_total{${JOB},conclusion="success"} 1`,
    ]);
    expect(await gauges()).toEqual([]);
  });
});

describe("rule 5: durations come from the payload's own times", () => {
  it("a negative duration becomes zero", async () => {
    const fleet = await stillFleet();
    await fleet.deliver("workflow_job", jobPayload("completed", { ...RAN, created_at: at("10:00:30"), completed_at: at("10:00:11") }));
    expect(await fleet.samples("github_workflow_job_queue_seconds_sum")).toEqual([`github_workflow_job_queue_seconds_sum{${JOB}} 0`]);
    expect(await fleet.samples("github_workflow_job_duration_seconds_sum")).toEqual([
      `github_workflow_job_duration_seconds_sum{${JOB},conclusion="success"} 0`,
    ]);
  });

  it("the duration of an attempt starts with the attempt, not with the run", async () => {
    const fleet = await stillFleet();
    const times = {
      run_attempt: 2,
      created_at: at("09:00:00"),
      run_started_at: at("10:00:00"),
      updated_at: at("10:01:30"),
    };
    await fleet.deliver("workflow_run", runPayload("completed", { ...times, conclusion: "success" }));
    expect((await fleet.samples("github_workflow_run_duration_seconds_sum"))[0]).toMatch(/ 90$/);
  });
});

describe("rule 6: lost", () => {
  it("a row that is open for longer than GitHub allows is lost once, and not if it was closed otherwise", async () => {
    const fleet = await stillFleet({ JOB_QUEUED_LIMIT: "1h", JOB_RUNNING_LIMIT: "2h", RUN_LIMIT: "3h" });
    const at = (seconds: number) => ({ created_at: ago(seconds), started_at: ago(seconds) });
    await fleet.deliver("workflow_job", jobPayload("queued", { id: 1, run_id: 11, ...at(3_700) }));
    await fleet.deliver("workflow_job", jobPayload("queued", { id: 2, run_id: 12, ...at(3_500) }));
    await fleet.deliver("workflow_job", jobPayload("in_progress", { id: 3, run_id: 13, ...at(7_300) }));
    await fleet.deliver("workflow_job", jobPayload("in_progress", { id: 4, run_id: 14, ...at(7_100) }));
    const run = (id: number, seconds: number) =>
      fleet.deliver(
        "workflow_run",
        runPayload("in_progress", { id, created_at: ago(seconds), run_started_at: ago(seconds), updated_at: ago(seconds) }),
      );
    await run(21, 10_900);
    await run(22, 10_700);
    // This job is old, but its attempt has completed, so it is closed and not lost.
    await fleet.deliver("workflow_job", jobPayload("queued", { id: 5, run_id: 15, ...at(9_000) }));
    await fleet.deliver("workflow_run", runPayload("completed", { id: 15, conclusion: "success" }));
    await fleet.checkLost();
    await fleet.checkLost();
    expect([
      ...(await fleet.samples("github_workflow_jobs_lost_total")),
      ...(await fleet.samples("github_workflow_runs_lost_total")),
    ]).toEqual([
      'github_workflow_jobs_lost_total{owner="acme",repo="api"} 2',
      'github_workflow_runs_lost_total{owner="acme",repo="api"} 1',
    ]);
    expect(await fleet.samples("github_workflow_jobs{")).toEqual([
      `github_workflow_jobs{${JOB},status="in_progress"} 1`,
      `github_workflow_jobs{${JOB},status="queued"} 1`,
    ]);

    // A new event reopens the job. It is not counted as lost a second time.
    await fleet.deliver(
      "workflow_job",
      jobPayload("in_progress", { id: 1, run_id: 11, runner_id: 7, created_at: ago(3_700), started_at: ago(60) }),
    );
    expect(await fleet.samples("github_workflow_jobs{")).toEqual([
      `github_workflow_jobs{${JOB},status="in_progress"} 2`,
      `github_workflow_jobs{${JOB},status="queued"} 1`,
    ]);
    await rowsOf(fleet.url, "UPDATE octogauge.workflow_jobs SET since = now() - interval '3 hours' WHERE job_id = 1");
    await fleet.checkLost();
    expect(await fleet.samples("github_workflow_jobs_lost_total")).toEqual(['github_workflow_jobs_lost_total{owner="acme",repo="api"} 2']);
    await fleet.deliver("workflow_job", jobPayload("completed", { ...RAN, id: 1, run_id: 11 }));
    expect(await fleet.samples("github_workflow_jobs_completed_total")).toHaveLength(1);
  });
});

it("a job that waits for an approval may stay open as long as its run", async () => {
  const fleet = await stillFleet({ JOB_QUEUED_LIMIT: "1h", JOB_RUNNING_LIMIT: "1h", RUN_LIMIT: "3h" });
  const waiting = (id: number, seconds: number) =>
    fleet.deliver("workflow_job", jobPayload("waiting", { id, run_id: id, created_at: ago(seconds), started_at: ago(seconds) }));
  await waiting(1, 10_700);
  await waiting(2, 10_900);
  await fleet.checkLost();
  expect(await fleet.samples("github_workflow_jobs{")).toEqual([`github_workflow_jobs{${JOB},status="waiting"} 1`]);
  expect(await fleet.samples("github_workflow_jobs_lost_total")).toEqual(['github_workflow_jobs_lost_total{owner="acme",repo="api"} 1']);
});

describe("rule 7: counters survive", () => {
  it("retention deletes finished rows and old ids, and the counters keep their values", async () => {
    const fleet = await stillFleet();
    await fleet.deliver("workflow_job", jobPayload("completed", RAN));
    await fleet.deliver("workflow_run", runPayload("completed", { conclusion: "success" }));
    await fleet.deliver("workflow_job", jobPayload("queued", { id: 2, run_id: 502 }));
    const before = await fleet.samples("github_");
    await rowsOf(fleet.url, "UPDATE octogauge.workflow_jobs SET changed_at = now() - interval '36 days'");
    await rowsOf(fleet.url, "UPDATE octogauge.workflow_runs SET changed_at = now() - interval '36 days'");
    await rowsOf(fleet.url, "UPDATE octogauge.delivery_ledger SET received_at = now() - interval '8 days'");
    await fleet.retain();
    expect(await rowsOf(fleet.url, "SELECT job_id::text FROM octogauge.workflow_jobs")).toEqual([{ job_id: "2" }]);
    expect(await rowsOf(fleet.url, "SELECT FROM octogauge.workflow_runs")).toEqual([]);
    expect(await rowsOf(fleet.url, "SELECT FROM octogauge.delivery_ledger")).toEqual([]);
    const level = (lines: string[]) => lines.filter((line) => !line.includes("_age_seconds"));
    expect(level(await fleet.samples("github_"))).toEqual(level(before));
  });
});

it("a push without commits raises no counter, and the branch of a fork is never the default branch", async () => {
  const fleet = await stillFleet();
  await fleet.deliver("push", { ref: "refs/heads/main", commits: [], repository });
  await fleet.deliver("workflow_run", runPayload("requested", { head_repository: { full_name: "fork/api" } }));
  expect(await fleet.samples("github_push_commits_total")).toEqual([]);
  expect((await fleet.samples("github_workflow_runs_requested_total"))[0]).toContain('branch="other"');
});
