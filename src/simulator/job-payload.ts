import { isoSeconds } from "./model.js";
import type { RunIdentity } from "./run-payload.js";

/** Fields that are the same in all events of a job. */
export interface JobIdentity {
  readonly id: number;
  readonly run: RunIdentity;
  readonly attempt: number;
  readonly name: string;
  readonly workflowName: string | null;
  readonly labels: readonly string[];
  readonly runnerId: number;
  readonly stepCount: number;
  /** Older servers omit the attempt. */
  readonly withoutAttempt: boolean;
  /** Whether the job deploys to an environment. */
  readonly deploys: boolean;
}

/** Fields of one event of a job. Times are whole seconds since 1970. */
export interface JobMoment {
  readonly action: "queued" | "waiting" | "in_progress" | "completed";
  /** Time of the event, which can differ from the times in its payload. */
  readonly at: number;
  readonly createdAt: number | undefined;
  readonly startedAt: number;
  readonly completedAt: number | null;
  readonly conclusion: string | null;
  /** Without a runner GitHub sends null, sometimes 0. */
  readonly runner: "assigned" | "none" | "zero";
  /** The job ran, although the event names no runner. */
  readonly hasSteps?: boolean;
}

function steps(job: JobIdentity, moment: JobMoment): Record<string, unknown>[] {
  if (moment.runner !== "assigned" && !moment.hasSteps) return [];
  const done = moment.action === "completed";
  return Array.from({ length: done ? job.stepCount : 1 }, (_, i) => ({
    name: i === 0 ? "Set up job" : `Run step ${i} of ${job.name}`,
    status: done ? "completed" : "in_progress",
    conclusion: done ? moment.conclusion : null,
    number: i + 1,
    started_at: isoSeconds(moment.startedAt),
    completed_at: moment.completedAt === null ? null : isoSeconds(moment.completedAt),
  }));
}

/** The JSON body of a `workflow_job` event. */
export function renderJob(job: JobIdentity, moment: JobMoment): string {
  const { run } = job;
  const { repository } = run;
  const api = `https://api.github.com/repos/${repository.fullName}`;
  const assigned = moment.runner === "assigned";
  const unassigned = moment.runner === "zero" ? "" : null;
  const workflowJob = JSON.stringify({
    id: job.id,
    run_id: run.id,
    workflow_name: job.workflowName,
    head_branch: run.headBranch,
    run_url: `${api}/actions/runs/${run.id}`,
    ...(job.withoutAttempt ? {} : { run_attempt: job.attempt }),
    node_id: `CR_${job.id.toString(36)}`,
    head_sha: run.headSha,
    url: `${api}/actions/jobs/${job.id}`,
    html_url: `https://github.com/${repository.fullName}/actions/runs/${run.id}/job/${job.id}`,
    status: moment.action,
    conclusion: moment.conclusion,
    ...(moment.createdAt === undefined ? {} : { created_at: isoSeconds(moment.createdAt) }),
    started_at: isoSeconds(moment.startedAt),
    completed_at: moment.completedAt === null ? null : isoSeconds(moment.completedAt),
    name: job.name,
    steps: steps(job, moment),
    check_run_url: `${api}/check-runs/${job.id}`,
    labels: job.labels,
    runner_id: assigned ? job.runnerId : moment.runner === "zero" ? 0 : null,
    runner_name: assigned ? `runner-${job.runnerId}` : unassigned,
    runner_group_id: assigned ? 1 : moment.runner === "zero" ? 0 : null,
    runner_group_name: assigned ? "Default" : unassigned,
  });
  const deployment = job.deploys ? `"deployment":{"id":${job.id + 1},"environment":"production"},` : "";
  return (
    `{"action":"${moment.action}","workflow_job":${workflowJob},${deployment}` +
    `"repository":${repository.json},"organization":${repository.organizationJson},` +
    `"sender":${repository.senderJson}}`
  );
}
