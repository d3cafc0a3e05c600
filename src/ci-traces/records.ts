import { asText, type JsonObject, label, maybeObject, time, type WorkflowJob, type WorkflowRun } from "../events/index.js";

/** What a trace needs of a finished attempt. Kept as JSON; times are milliseconds since 1970. */
export interface RunRecord {
  readonly runId: number;
  readonly runAttempt: number;
  readonly owner: string;
  readonly repo: string;
  readonly workflow: string;
  readonly number: number | null;
  readonly event: string;
  readonly conclusion: string;
  readonly url: string;
  readonly repositoryUrl: string;
  readonly headBranch: string;
  readonly headSha: string;
  /** Of the pull request, where GitHub names exactly one: it names none for those of forks. */
  readonly change: string;
  readonly startedAt: number;
  readonly completedAt: number;
}

/** What a trace needs of a finished job. */
export interface JobRecord {
  readonly jobId: number;
  readonly runId: number;
  readonly runAttempt: number;
  readonly name: string;
  readonly conclusion: string;
  readonly url: string;
  readonly labels: readonly string[];
  /** Null where no event names one. */
  readonly runner: { readonly id: string; readonly name: string; readonly group: string } | null;
  /** Null where the time in the queue is not known. */
  readonly createdAt: number | null;
  readonly startedAt: number;
  readonly completedAt: number;
  readonly steps: readonly StepRecord[];
}

export interface StepRecord {
  readonly number: number;
  readonly name: string;
  readonly conclusion: string;
  readonly startedAt: number;
  readonly completedAt: number;
}

/** UTF-16 units. Names of matrix jobs hold all their values. */
const [LONGEST_NAME, LONGEST_URL] = [255, 1_000];
/** More than GitHub takes in one job. */
const MOST_STEPS = 1_000;

const name = (fields: JsonObject | undefined, member: string) => asText(fields?.[member], LONGEST_NAME);
const url = (fields: JsonObject | undefined, member: string) => asText(fields?.[member], LONGEST_URL);

/** @param body of the delivery whose projection it is; whatever it lacks is left empty. Undefined where it says no time at all */
export function recordRun(projection: WorkflowRun, body: JsonObject): RunRecord | undefined {
  const run = maybeObject(body, "workflow_run");
  const end = projection.updatedAt ?? projection.runStartedAt ?? projection.createdAt;
  if (end === null) return undefined;
  const number = run?.["run_number"];
  return {
    runId: projection.id,
    runAttempt: projection.runAttempt,
    owner: projection.repository.owner,
    repo: projection.repository.repo,
    workflow: projection.workflow,
    number: typeof number === "number" ? number : null,
    event: projection.event,
    conclusion: projection.conclusion,
    url: url(run, "html_url"),
    repositoryUrl: url(maybeObject(body, "repository"), "html_url") || url(maybeObject(run ?? {}, "repository"), "html_url"),
    headBranch: name(run, "head_branch"),
    headSha: label(run, "head_sha"),
    change: changeOf(run?.["pull_requests"]),
    startedAt: projection.runStartedAt ?? projection.createdAt ?? end,
    completedAt: end,
  };
}

function changeOf(pulls: unknown): string {
  const number = Array.isArray(pulls) && pulls.length === 1 ? (pulls[0] as JsonObject | null)?.["number"] : undefined;
  return typeof number === "number" ? String(number) : "";
}

/** The same of a job. */
export function recordJob(projection: WorkflowJob, body: JsonObject): JobRecord | undefined {
  const job = maybeObject(body, "workflow_job");
  const end = projection.completedAt ?? projection.startedAt ?? projection.createdAt;
  if (end === null) return undefined;
  const id = job?.["runner_id"];
  return {
    jobId: projection.id,
    runId: projection.runId,
    runAttempt: projection.runAttempt,
    name: name(job, "name"),
    conclusion: projection.conclusion,
    url: url(job, "html_url"),
    labels: projection.labels,
    runner: projection.runnerId !== null ? { id: String(id), name: name(job, "runner_name"), group: name(job, "runner_group_name") } : null,
    // The wait for an approval is not queueing, and that of a copy is not its own (truth rules 9 and 10).
    createdAt: projection.isDeployment || (projection.createdAt ?? 0) > (projection.startedAt ?? end) ? null : projection.createdAt,
    startedAt: projection.startedAt ?? end,
    completedAt: end,
    steps: stepsOf(job?.["steps"]),
  };
}

/** Those that have begun and ended; a step that a cancellation kept from it has no times. */
function stepsOf(value: unknown): StepRecord[] {
  const steps = (Array.isArray(value) ? value : []).slice(0, MOST_STEPS) as (JsonObject | null)[];
  const records = steps.flatMap((step) => {
    const [number, startedAt, completedAt] = [step?.["number"], time(step ?? {}, "started_at"), time(step ?? {}, "completed_at")];
    if (!Number.isSafeInteger(number) || startedAt === null || completedAt === null) return [];
    return [
      { number: number as number, name: name(step ?? {}, "name"), conclusion: label(step ?? {}, "conclusion"), startedAt, completedAt },
    ];
  });
  // A number is a step's name in its id.
  return [...new Map(records.map((step) => [step.number, step])).values()];
}
