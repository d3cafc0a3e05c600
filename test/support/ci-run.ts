import { createHash } from "node:crypto";
import { repository } from "./payloads.js";
import { DAY } from "./clock.js";

type Fields = Record<string, unknown>;

export interface CiEvent {
  readonly event: "workflow_run" | "workflow_job";
  readonly payload: Fields;
}

const at = (seconds: number) => new Date(Date.parse(`${DAY}T10:00:00Z`) + seconds * 1_000).toISOString().replace(".000Z", "Z");

/** Seconds after 10:00. */
const JOBS = [
  {
    name: "build",
    created: 2,
    started: 12,
    completed: 60,
    conclusion: "success",
    steps: ["Set up job", "checkout", "make", "Complete job"],
  },
  {
    name: "test (ubuntu, 20)",
    created: 61,
    started: 70,
    completed: 130,
    conclusion: "failure",
    steps: ["Set up job", "npm test", "Complete job"],
  },
  {
    name: "test (macos, 20)",
    created: 61,
    started: 65,
    completed: 100,
    conclusion: "success",
    steps: ["Set up job", "npm test", "Complete job"],
  },
] as const;

/** All events, in order, of a run with three jobs and ten steps, one of which fails. */
export function ciRun(runId: number, runAttempt = 1, fullName = repository.full_name): CiEvent[] {
  const html = `https://github.com/${fullName}`;
  const home = { ...repository, full_name: fullName, html_url: html };
  const run = (action: string, updated: number, conclusion: string | null = null): CiEvent => ({
    event: "workflow_run",
    payload: {
      action,
      workflow: { name: "CI" },
      workflow_run: {
        id: runId,
        run_attempt: runAttempt,
        run_number: 42,
        name: "CI",
        event: "push",
        status: action === "requested" ? "queued" : action,
        conclusion,
        head_branch: "main",
        head_sha: "0123456789abcdef0123456789abcdef01234567",
        head_repository: { full_name: fullName },
        html_url: `${html}/actions/runs/${runId}`,
        pull_requests: [{ number: 17 }],
        created_at: at(0),
        run_started_at: at(0),
        updated_at: at(updated),
      },
      repository: home,
    },
  });
  const jobs = JOBS.flatMap((job, index) => {
    const id = jobIdOf(runId, runAttempt, index);
    const says = (action: string, more: Fields): CiEvent => ({
      event: "workflow_job",
      payload: {
        action,
        workflow_job: {
          id,
          run_id: runId,
          run_attempt: runAttempt,
          workflow_name: "CI",
          name: job.name,
          status: action,
          conclusion: null,
          labels: ["ubuntu-latest"],
          runner_id: null,
          runner_name: null,
          html_url: `${html}/actions/runs/${runId}/job/${id}`,
          created_at: at(job.created),
          started_at: at(job.created),
          completed_at: null,
          steps: [],
          ...more,
        },
        repository: home,
      },
    });
    const ran = { runner_id: 7, runner_name: "GitHub Actions 7", runner_group_name: "GitHub Actions", started_at: at(job.started) };
    const each = (job.completed - job.started) / job.steps.length;
    const steps = job.steps.map((name, step) => ({
      name,
      status: "completed",
      conclusion: name === "npm test" ? job.conclusion : "success",
      number: step + 1,
      started_at: at(job.started + Math.floor(each * step)),
      completed_at: at(job.started + Math.floor(each * (step + 1))),
    }));
    return [
      says("queued", {}),
      says("in_progress", ran),
      says("completed", { ...ran, conclusion: job.conclusion, completed_at: at(job.completed), steps }),
    ];
  });
  return [run("requested", 0), run("in_progress", 3), ...jobs, run("completed", 131, "failure")];
}

export const jobIdOf = (runId: number, runAttempt: number, index: number): number => runId * 1_000 + runAttempt * 10 + index;

const sha = (text: string, bytes: number) =>
  createHash("sha256")
    .update(text)
    .digest("hex")
    .slice(0, 2 * bytes);
export const traceOf = (runId: number, runAttempt = 1) => sha(`octogauge:${runId}:${runAttempt}`, 16);
export const spanOf = (runId: number, part: string, runAttempt = 1) => sha(`octogauge:${runId}:${runAttempt}:${part}`, 8);

/** The spans of {@link ciRun}, one per line, sorted: parent id, id, kind, status, start and end in seconds after 10:00, result, name. */
export function expectedSpans(runId: number, runAttempt = 1): string[] {
  const span = (part: string) => spanOf(runId, part, runAttempt);
  const lines = [`- ${span("run")} 2 2 0-131 failure RUN CI`];
  for (const [index, job] of JOBS.entries()) {
    const id = jobIdOf(runId, runAttempt, index);
    const status = (conclusion: string) => (conclusion === "failure" ? 2 : 0);
    lines.push(`${span("run")} ${span(`queue:${id}`)} 1 0 ${job.created}-${job.started} - queue`);
    lines.push(
      `${span("run")} ${span(`job:${id}`)} 1 ${status(job.conclusion)} ${job.started}-${job.completed} ${job.conclusion} ${job.name}`,
    );
    const each = (job.completed - job.started) / job.steps.length;
    for (const [step, name] of job.steps.entries()) {
      const conclusion = name === "npm test" ? job.conclusion : "success";
      const [from, to] = [job.started + Math.floor(each * step), job.started + Math.floor(each * (step + 1))];
      lines.push(`${span(`job:${id}`)} ${span(`job:${id}:step:${step + 1}`)} 1 ${status(conclusion)} ${from}-${to} ${conclusion} ${name}`);
    }
  }
  return lines.sort();
}
