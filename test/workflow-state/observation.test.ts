import { describe, expect, it } from "vitest";
import type { WorkflowJob } from "../../src/events/workflow-job.js";
import type { WorkflowRun } from "../../src/events/workflow-run.js";
import { countedOfJob, countedOfRun, FACT } from "../../src/workflow-state/facts.js";
import { joinJobs, observeJob } from "../../src/workflow-state/job-transition.js";
import { isGreater } from "../../src/workflow-state/observation.js";
import { joinRuns, observeRun } from "../../src/workflow-state/run-transition.js";

const T = Date.UTC(2030, 0, 1);
const SECOND = 1_000;
const REPOSITORY = { owner: "acme", repo: "shop", defaultBranch: "main" };

const job = (changes: Partial<WorkflowJob> = {}): WorkflowJob => ({
  kind: "workflow_job",
  action: "queued",
  repository: REPOSITORY,
  id: 1,
  runId: 10,
  runAttempt: 1,
  name: "build",
  workflow: "ci",
  status: "queued",
  conclusion: "",
  labels: ["ubuntu-latest"],
  runnerId: null,
  hasStartedStep: false,
  isDeployment: false,
  createdAt: T,
  startedAt: null,
  completedAt: null,
  ...changes,
});
const completed = (changes: Partial<WorkflowJob> = {}) =>
  job({
    action: "completed",
    status: "completed",
    conclusion: "success",
    runnerId: 7,
    startedAt: T + 30 * SECOND,
    completedAt: T + 90 * SECOND,
    ...changes,
  });
const run = (changes: Partial<WorkflowRun> = {}): WorkflowRun => ({
  kind: "workflow_run",
  action: "requested",
  repository: REPOSITORY,
  id: 10,
  runAttempt: 1,
  workflow: "ci",
  status: "queued",
  conclusion: "",
  event: "push",
  headBranch: "main",
  fromFork: false,
  createdAt: T,
  runStartedAt: T,
  updatedAt: T,
  ...changes,
});
const seenJob = (event: WorkflowJob, at = T) => observeJob(event, at * 1_000, true);
const seenRun = (event: WorkflowRun, at = T) => observeRun(event, "default", at * 1_000, true);
const names = (facts: number) => Object.keys(FACT).filter((name) => (facts & FACT[name as keyof typeof FACT]) !== 0);

describe("a job event proves", () => {
  it.each<[string, WorkflowJob, string[]]>([
    ["queued", job(), ["queued"]],
    [
      "in_progress",
      job({ action: "in_progress", status: "in_progress", runnerId: 7, startedAt: T + SECOND }),
      ["queued", "started", "queueTime"],
    ],
    ["completed with a runner", completed(), ["queued", "started", "completed", "queueTime", "duration"]],
    ["completed as skipped", completed({ conclusion: "skipped", runnerId: null }), ["completed"]],
    [
      "completed without a runner, but with a started step",
      completed({ runnerId: null, hasStartedStep: true }),
      ["queued", "started", "completed", "queueTime", "duration"],
    ],
    ["completed without a runner", completed({ runnerId: null, conclusion: "cancelled" }), ["queued", "completed"]],
    [
      "completed without runner, labels and time: the check run of another app",
      completed({ runnerId: null, labels: [], startedAt: T, completedAt: T }),
      ["completed"],
    ],
    [
      "completed in an environment, where an approval may have delayed the start",
      completed({ isDeployment: true }),
      ["queued", "started", "completed", "duration"],
    ],
  ])("%s", (_, event, counted) => {
    expect(names(countedOfJob(seenJob(event).facts))).toEqual(counted);
  });

  it("in_progress with started_at = created_at: no queue time", () => {
    const { facts } = seenJob(job({ action: "in_progress", status: "in_progress", runnerId: 7, startedAt: T }));
    expect(names(countedOfJob(facts))).toEqual(["queued", "started"]);
  });

  it("that the job waited for an approval: then its queue time does not count", () => {
    const both = joinJobs(seenJob(job({ action: "waiting", status: "waiting" })), seenJob(completed()));
    expect(names(countedOfJob(both.facts))).toEqual(["queued", "started", "completed", "duration"]);
  });

  it("its durations by its own times, never below zero", () => {
    expect(seenJob(completed())).toMatchObject({ queueSeconds: 30, durationSeconds: 60 });
    expect(seenJob(completed({ completedAt: T + 29 * SECOND })).durationSeconds).toBe(0);
  });
});

describe("a run event proves", () => {
  it.each<[string, WorkflowRun, string[]]>([
    ["requested", run(), ["queued"]],
    ["in_progress", run({ action: "in_progress", status: "in_progress" }), ["queued", "started"]],
    [
      "completed with success",
      run({ action: "completed", status: "completed", conclusion: "success", updatedAt: T + SECOND }),
      ["queued", "started", "completed", "duration"],
    ],
    [
      "completed as cancelled, which may never have started",
      run({ action: "completed", status: "completed", conclusion: "cancelled", updatedAt: T + SECOND }),
      ["queued", "completed", "duration"],
    ],
    [
      "completed with failure at the second of its start",
      run({ action: "completed", status: "completed", conclusion: "failure" }),
      ["queued", "completed"],
    ],
  ])("%s", (_, event, counted) => {
    expect(names(countedOfRun(seenRun(event).facts))).toEqual(counted);
  });

  it("action_required: the attempt waits, and nothing completed", () => {
    const seen = seenRun(run({ action: "completed", status: "completed", conclusion: "action_required" }));
    expect(seen).toMatchObject({ status: "waiting", rank: 0, completed: false });
    expect(names(countedOfRun(seen.facts))).toEqual(["queued"]);
  });
});

describe("a greater observation", () => {
  const open = seenJob(job());
  it.each([
    [
      "is terminal",
      seenJob(completed({ completedAt: T, startedAt: T })),
      seenJob(job({ action: "in_progress", startedAt: T + 99 * SECOND })),
    ],
    ["has the later updated_at", seenJob(job({ createdAt: T + SECOND })), open],
    ["has the higher rank", seenJob(job({ action: "in_progress", startedAt: T })), open],
    ["has the later event time", seenJob(job({ action: "waiting" }), T + 1), open],
  ])("%s", (_, greater, lesser) => {
    expect([isGreater(greater, lesser), isGreater(lesser, greater)]).toEqual([true, false]);
  });

  it("is not greater than itself", () => {
    expect(isGreater(open, open)).toBe(false);
  });
});

describe("joins", () => {
  const jobs = [
    seenJob(job({ action: "waiting", status: "waiting" })),
    seenJob(job({ action: "in_progress", status: "in_progress", runnerId: 7, startedAt: T + SECOND, runAttempt: 0 })),
    seenJob(completed()),
    observeJob(completed({ labels: ["from-a-lookup"], name: "" }), T * 1_000 + 5, false),
  ];
  const runs = [
    seenRun(run()),
    seenRun(run({ action: "in_progress", status: "in_progress" }), T + 1),
    seenRun(run({ action: "completed", status: "completed", conclusion: "success", updatedAt: T + SECOND })),
    observeRun(
      run({ action: "completed", status: "completed", conclusion: "success", workflow: "from-a-lookup" }),
      "other",
      T * 1_000,
      false,
    ),
  ];

  it("of jobs give the same in any order, grouping and number of copies", () => {
    const [a, b, c, d] = jobs as [(typeof jobs)[0], (typeof jobs)[0], (typeof jobs)[0], (typeof jobs)[0]];
    const expected = jobs.reduce(joinJobs);
    expect(jobs.toReversed().reduce(joinJobs)).toEqual(expected);
    expect(joinJobs(joinJobs(d, b), joinJobs(c, a))).toEqual(expected);
    expect(joinJobs(expected, b)).toEqual(expected);
  });

  it("of runs give the same in any order, grouping and number of copies", () => {
    const [a, b, c, d] = runs as [(typeof runs)[0], (typeof runs)[0], (typeof runs)[0], (typeof runs)[0]];
    const expected = runs.reduce(joinRuns);
    expect(runs.toReversed().reduce(joinRuns)).toEqual(expected);
    expect(joinRuns(joinRuns(d, b), joinRuns(c, a))).toEqual(expected);
    expect(joinRuns(expected, b)).toEqual(expected);
  });

  it("keep the labels of an event, which a look-up does not replace", () => {
    expect(jobs.reduce(joinJobs)).toMatchObject({ runsOn: "ubuntu-latest" });
    expect(runs.reduce(joinRuns)).toMatchObject({ workflow: "ci" });
  });
});
