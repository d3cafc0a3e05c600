import { COUNTERS, type Family, HISTOGRAMS } from "../../counters/index.js";
import { PULL_REQUESTS, PUSH_COMMITS } from "../../events/index.js";

/** The labels of one of our series, by name. */
export type Labels = Readonly<Record<string, string>>;

/** One of promgithub's families and how our labels become its own; what Octogauge does not keep is empty. */
interface Mapping {
  readonly from: Family;
  readonly to: Family;
  readonly labels: (ours: Labels) => readonly string[];
}

const family = (name: string, type: Family["type"], help: string, labels: readonly string[]): Family => ({
  name: `promgithub_${name}`,
  type,
  help,
  labels,
});

const repository = (ours: Labels) => `${ours["owner"] ?? ""}/${ours["repo"] ?? ""}`;
const run = (ours: Labels) => [repository(ours), ours["branch"] ?? "", ours["workflow"] ?? ""];
// promgithub's branch and job name of a job are not kept: they would multiply the series.
const job = (ours: Labels) => [ours["runs_on"] ?? "", repository(ours), "", ours["workflow"] ?? "", ""];
const conclusion = (ours: Labels) => ours["conclusion"] ?? "";

const RUN_LABELS = ["repository", "branch", "workflow_name"];
const JOB_LABELS = ["runner", "repository", "branch", "workflow_name", "job_name"];

const workflowStatus = family("workflow_status", "counter", "Total number of workflow runs with status", [
  ...RUN_LABELS,
  "workflow_status",
  "conclusion",
]);
const jobStatus = family("job_status", "counter", "Total number of jobs with status", [...JOB_LABELS, "job_status", "job_conclusion"]);

export const COUNTER_MAPPINGS: readonly Mapping[] = [
  { from: COUNTERS.runsRequested, to: workflowStatus, labels: (ours) => [...run(ours), "queued", ""] },
  { from: COUNTERS.runsStarted, to: workflowStatus, labels: (ours) => [...run(ours), "in_progress", ""] },
  { from: COUNTERS.runsCompleted, to: workflowStatus, labels: (ours) => [...run(ours), "completed", conclusion(ours)] },
  {
    from: COUNTERS.runsCompleted,
    to: family("workflow_completed", "gauge", "Number of workflow runs completed", [
      "repository",
      "branch",
      "workflow_conclusion",
      "workflow_name",
    ]),
    labels: (ours) => [repository(ours), ours["branch"] ?? "", conclusion(ours), ours["workflow"] ?? ""],
  },
  { from: COUNTERS.jobsQueued, to: jobStatus, labels: (ours) => [...job(ours), "queued", ""] },
  { from: COUNTERS.jobsStarted, to: jobStatus, labels: (ours) => [...job(ours), "in_progress", ""] },
  { from: COUNTERS.jobsCompleted, to: jobStatus, labels: (ours) => [...job(ours), "completed", conclusion(ours)] },
  {
    from: COUNTERS.jobsCompleted,
    to: family("job_completed", "gauge", "Number of jobs completed", [
      "runner",
      "repository",
      "branch",
      "job_conclusion",
      "workflow_name",
      "job_name",
    ]),
    labels: (ours) => [ours["runs_on"] ?? "", repository(ours), "", conclusion(ours), ours["workflow"] ?? "", ""],
  },
  {
    from: PUSH_COMMITS,
    to: family("commit_pushed", "counter", "Total number of commits pushed", [
      "repository",
      "branch",
      "commit_author",
      "commit_author_email",
    ]),
    labels: (ours) => [repository(ours), ours["branch"] ?? "", "", ""],
  },
  {
    from: PULL_REQUESTS,
    to: family("pull_request", "counter", "Total number of pull requests", [
      "repository",
      "base_branch",
      "pull_request_author",
      "pull_request_status",
    ]),
    labels: (ours) => [repository(ours), ours["base_branch"] ?? "", "", ours["action"] ?? ""],
  },
];

export const HISTOGRAM_MAPPINGS: readonly Mapping[] = [
  {
    from: HISTOGRAMS.runDuration,
    to: family("workflow_duration", "histogram", "Duration of workflow runs", [...RUN_LABELS, "workflow_status", "conclusion"]),
    labels: (ours) => [...run(ours), "completed", conclusion(ours)],
  },
  {
    from: HISTOGRAMS.jobDuration,
    to: family("job_duration", "histogram", "Duration of jobs runs in seconds", [...JOB_LABELS, "job_status", "job_conclusion"]),
    labels: (ours) => [...job(ours), "completed", conclusion(ours)],
  },
];

/** Of the open rows, by the status that promgithub names them after. */
export const OPEN_RUNS: Readonly<Record<string, Family>> = {
  queued: family("workflow_queued", "gauge", "Number of workflow runs queued", RUN_LABELS),
  in_progress: family("workflow_in_progress", "gauge", "Number of workflow runs in progress", RUN_LABELS),
};

export const OPEN_JOBS: Readonly<Record<string, Family>> = {
  queued: family("job_queued", "gauge", "Number of jobs queued", JOB_LABELS),
  in_progress: family("job_in_progress", "gauge", "Number of jobs in progress", JOB_LABELS),
};

export const openRunLabels = run;
export const openJobLabels = job;
