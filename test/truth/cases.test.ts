import { describe, expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { putLookupResults } from "../../src/intake/lookup-results.js";
import { LookupLoop } from "../../src/reconcile/lookup.loop.js";
import { idAt } from "../../src/workflow-state/event-time.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { startScripted } from "../support/scripted-github.js";
import { recorded, recordedAnswers, type RecordedDelivery, timeOfId } from "../support/shifted.js";

type Fleet = Awaited<ReturnType<typeof stillFleet>>;

/** Sums the series of each metric by the labels that these cases use. Series of 0 are left out. */
async function shown(fleet: Fleet): Promise<Record<string, number>> {
  const sums: Record<string, number> = {};
  for (const line of await fleet.samples("github_workflow_")) {
    const [, name, labels, value] = /^github_workflow_(\w+)\{(.*)\} (.*)$/.exec(line)!;
    if (name!.endsWith("_bucket") || name!.includes("_age_")) continue;
    const apart = [...labels!.matchAll(/(?:conclusion|status)="([^"]*)"/g)].map(([, text]) => text);
    const key = [name!.replace(/_total$/, ""), ...apart].join(" ");
    sums[key] = (sums[key] ?? 0) + Number(value);
  }
  return Object.fromEntries(Object.entries(sums).filter(([, value]) => value !== 0));
}

const jobsOf = (sums: Record<string, number>) => Object.fromEntries(Object.entries(sums).filter(([key]) => key.startsWith("job")));

async function deliver(fleet: Fleet, deliveries: readonly RecordedDelivery[], atOnce = false): Promise<void> {
  for (const { event, delivery, body } of deliveries) {
    await fleet.accept(event, body, delivery);
    if (!atOnce) await fleet.process();
  }
  await fleet.process();
}

/** Delivery orders. Each runs on its own fleet. */
const ORDERS: readonly [string, (all: RecordedDelivery[]) => RecordedDelivery[], boolean][] = [
  ["in order", (all) => all, false],
  ["backwards", (all) => all.toReversed(), false],
  ["in one batch", (all) => all, true],
  ["the second half first", (all) => [...all.slice(all.length / 2), ...all.slice(0, all.length / 2)], false],
  ["each twice, in one batch", (all) => all.flatMap((one) => [one, { ...one, delivery: idAt(timeOfId(one.delivery)) }]), true],
];

const isCopy = ({ body }: RecordedDelivery): boolean => {
  const job = (body as { workflow_job?: { run_attempt: number; created_at: string; completed_at: string | null } }).workflow_job;
  return job !== undefined && job.run_attempt > 1 && job.completed_at !== null && job.completed_at < job.created_at;
};

const EXECUTIONS = {
  jobs_queued: 4,
  jobs_started: 4,
  "jobs_completed success": 3,
  "jobs_completed failure": 1,
  "job_duration_seconds_count success": 3,
  "job_duration_seconds_sum success": 1_300,
};

describe("a re-run of failed jobs copies finished jobs under new ids", () => {
  it.each(ORDERS)("each execution counts once: %s", async (_, order, atOnce) => {
    const fleet = await stillFleet();
    await deliver(fleet, order(recorded("rerun-copies")), atOnce);
    expect(await shown(fleet)).toMatchObject({ ...EXECUTIONS, job_queue_seconds_count: 4, job_queue_seconds_sum: 39 });
  });

  it("each execution counts once if the original events never arrive", async () => {
    const fleet = await stillFleet();
    const copies = recorded("rerun-copies").filter(isCopy);
    expect(copies.length).toBeGreaterThan(0);
    await deliver(fleet, copies);
    const sums = jobsOf(await shown(fleet));
    expect(sums).toMatchObject({ jobs_queued: copies.length, jobs_started: copies.length });
    expect(Object.keys(sums).filter((key) => key.startsWith("job_queue"))).toEqual([]);
  });

  it("each execution counts once if a look-up brings the jobs, before or after the events", async () => {
    const all = recorded("rerun-copies");
    const answers = all.filter(isCopy).map(({ delivery, body }) => ({
      id: idAt(timeOfId(delivery) + 1_000),
      event: "workflow_job.lookup" as const,
      payload: { ...(body as object), action: "" },
    }));
    for (const isFirst of [true, false]) {
      const fleet = await stillFleet();
      if (!isFirst) await deliver(fleet, all);
      await putLookupResults(fleet.get(Database), answers);
      await fleet.process();
      if (isFirst) await deliver(fleet, all);
      expect(await shown(fleet)).toMatchObject({ ...EXECUTIONS, job_queue_seconds_count: 4, job_queue_seconds_sum: 39 });
    }
  });
});

describe("waiting for an approval is not queueing", () => {
  it("a job approved late is queued since its approval, so it is not lost", async () => {
    const fleet = await stillFleet({ JOB_QUEUED_LIMIT: "24h", RUN_LIMIT: "35d" });
    const all = recorded("approval-late");
    const approval = all.length - 2;
    await deliver(fleet, all.slice(0, approval + 1));
    await fleet.checkLost();
    expect(await shown(fleet)).toEqual({ runs_requested: 1, runs_started: 1, "runs in_progress": 1, jobs_queued: 1, "jobs queued": 1 });
    const [age] = await fleet.samples("github_workflow_oldest_queued_job_age_seconds");
    const since = timeOfId(all[approval]!.delivery) / 1_000;
    expect(Number(age!.split(" ").at(-1))).toBeGreaterThanOrEqual(0);
    expect(Math.abs(Date.now() / 1_000 - since - Number(age!.split(" ").at(-1)))).toBeLessThan(600);
    await deliver(fleet, all.slice(approval + 1));
    expect(await shown(fleet)).toMatchObject({ jobs_started: 1, "jobs in_progress": 1 });
    expect(await fleet.samples("github_workflow_job_queue_seconds_count")).toEqual([]);
  });

  it("a job that waited before it was queued counts each fact once and observes no queue time", async () => {
    const fleet = await stillFleet();
    await deliver(fleet, recorded("waiting-first"));
    expect(await shown(fleet)).toEqual({
      jobs_queued: 1,
      jobs_started: 1,
      "jobs_completed failure": 1,
      "job_duration_seconds_count failure": 1,
      "job_duration_seconds_sum failure": 100,
    });
  });
});

it("a job of a newer attempt supersedes the older attempt's open jobs", async () => {
  const fleet = await stillFleet({ JOB_RUNNING_LIMIT: "1h" });
  await deliver(fleet, recorded("attempt-jobs-only"));
  const sums = { jobs_queued: 2, jobs_started: 2, "jobs in_progress": 1, job_queue_seconds_count: 2, job_queue_seconds_sum: 25 };
  expect(await shown(fleet)).toEqual(sums);
  await rowsOf(fleet.url, "UPDATE octogauge.workflow_jobs SET since = now() - interval '2 hours' WHERE run_attempt = 1");
  await fleet.checkLost();
  expect(await shown(fleet)).toEqual(sums);
});

it("a job without run_attempt belongs to the newest attempt of its run", async () => {
  const fleet = await stillFleet();
  await deliver(fleet, recorded("no-attempt"));
  await fleet.checkLost();
  expect(await shown(fleet)).toMatchObject({ "jobs in_progress": 1, "runs in_progress": 1 });
});

it.each([false, true])("a run of a deleted fork has branch other (in one batch: %s)", async (atOnce) => {
  const fleet = await stillFleet();
  await deliver(fleet, recorded("fork-gone"), atOnce);
  for (const name of ["runs_requested_total", "runs_started_total", "runs_completed_total", "run_duration_seconds_count"])
    expect(await fleet.samples(`github_workflow_${name}`)).toEqual([expect.stringMatching(/branch="other".* 1$/)]);
});

it.each(["start-late-a", "start-late-b"])("a start that becomes known late still gives the queue time once: %s", async (name) => {
  for (const [, order, atOnce] of ORDERS) {
    const fleet = await stillFleet();
    await deliver(fleet, order(recorded(name)), atOnce);
    expect(await shown(fleet)).toMatchObject({ jobs_started: 1, job_queue_seconds_count: 1, job_queue_seconds_sum: 8_880 });
  }
});

it.each(ORDERS)("a job without a runner in its events still counts as run: %s", async (_, order, atOnce) => {
  const fleet = await stillFleet();
  await deliver(fleet, order(recorded("no-runner-info")), atOnce);
  expect(await shown(fleet)).toEqual({
    jobs_queued: 1,
    jobs_started: 1,
    "jobs_completed success": 1,
    job_queue_seconds_count: 1,
    job_queue_seconds_sum: 30,
    "job_duration_seconds_count success": 1,
    "job_duration_seconds_sum success": 120,
  });
});

it("a check run of another app is never queued", async () => {
  const fleet = await stillFleet();
  await deliver(fleet, recorded("step-check"));
  expect(await shown(fleet)).toEqual({
    jobs_queued: 1,
    jobs_started: 1,
    "jobs_completed success": 2,
    job_queue_seconds_count: 1,
    job_queue_seconds_sum: 3,
    "job_duration_seconds_count success": 1,
    "job_duration_seconds_sum success": 60,
  });
});

it("an unreadable workflow file gives a failed attempt that did not start, named by its path", async () => {
  const fleet = await stillFleet();
  await deliver(fleet, recorded("path-name"));
  expect(await shown(fleet)).toEqual({ runs_requested: 2, "runs_completed failure": 2 });
  expect(await fleet.samples("github_workflow_runs_completed_total")).toEqual([
    expect.stringContaining('workflow=".github/workflows/catalog-guard.yml"'),
  ]);
});

it("a look-up does not rename a workflow that an event named", async () => {
  const answers = recordedAnswers("rest-run-name");
  const github = await startScripted(({ url }) => {
    const answer = answers[(url ?? "").split("?")[0]!];
    return answer === undefined ? { status: 404, text: "{}" } : { text: JSON.stringify(answer) };
  });
  const fleet = await stillFleet({ GITHUB_API_URL: github.url, GITHUB_TOKEN: "ghp_tests", RECONCILE_AFTER: "10m" });
  await deliver(fleet, recorded("rest-run-name"));
  await rowsOf(fleet.url, "UPDATE octogauge.workflow_runs SET changed_at = now() - interval '1 hour'");
  await fleet.get(LookupLoop).runOnce();
  await fleet.process();
  expect(await shown(fleet)).toMatchObject({ runs_requested: 1, "runs_completed success": 1, "run_duration_seconds_sum success": 100 });
  for (const line of await fleet.samples("github_workflow_run")) expect(line).toContain('workflow="Deploy"');
});
