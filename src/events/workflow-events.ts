import { asLabel, asText, attempt, type JsonObject, id, label, maybeObject, object, repository, time } from "./fields.js";
import type { WorkflowJobProjection, WorkflowRunProjection } from "./projection.js";

const MOST_RUNNER_LABELS = 50;
/** UTF-16 units. */
const LONGEST_RUNS_ON = 256;

/** `workflow_job`: the repository stands at the top level only, and there is no `updated_at`. */
export function projectWorkflowJob(payload: JsonObject, isStored: boolean): WorkflowJobProjection {
  const job = object(payload, "workflow_job");
  const runner = job["runner_id"];
  return {
    kind: "workflow_job",
    action: label(payload, "action"),
    repository: repository(payload),
    id: id(job, "id"),
    runId: id(job, "run_id"),
    runAttempt: attempt(job, 0),
    name: asText(job["name"], LONGEST_NAME),
    workflow: label(job, "workflow_name"),
    status: label(job, "status"),
    conclusion: label(job, "conclusion"),
    labels: runnerLabels(job["labels"]),
    runnerId: typeof runner === "number" && runner !== 0 ? runner : null,
    hasStartedStep: isStored ? job["steps"] === 1 : hasStarted(job["steps"]),
    isDeployment: typeof payload["deployment"] === "object" && payload["deployment"] !== null,
    createdAt: time(job, "created_at"),
    startedAt: time(job, "started_at"),
    completedAt: time(job, "completed_at"),
  };
}

/** Names of matrix jobs hold all their values. UTF-16 units. */
const LONGEST_NAME = 255;

const hasStarted = (steps: unknown): boolean =>
  Array.isArray(steps) && steps.some((step: unknown) => typeof (step as JsonObject | null)?.["started_at"] === "string");

/** As many whole labels, in order, as fit: joined they are one label value and part of an index row. */
function runnerLabels(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  const labels = value.slice(0, MOST_RUNNER_LABELS).map(asLabel).filter(Boolean);
  if (labels.length > 1) labels.sort();
  let length = 0;
  return labels.filter((label) => (length += label.length + 1) <= LONGEST_RUNS_ON);
}

/** `workflow_run`: `workflow` may be null and `name` empty. */
export function projectWorkflowRun(payload: JsonObject): WorkflowRunProjection {
  const run = object(payload, "workflow_run");
  return {
    kind: "workflow_run",
    action: label(payload, "action"),
    repository: repository(payload),
    id: id(run, "id"),
    runAttempt: attempt(run, 1),
    workflow: label(maybeObject(payload, "workflow"), "name") || label(run, "name") || label(run, "path"),
    status: label(run, "status"),
    conclusion: label(run, "conclusion"),
    event: label(run, "event"),
    headBranch: label(run, "head_branch"),
    fromFork:
      run["head_repository"] === null ||
      isFork(maybeObject(run, "head_repository")?.["full_name"], maybeObject(payload, "repository")?.["full_name"]),
    createdAt: time(run, "created_at"),
    runStartedAt: time(run, "run_started_at"),
    updatedAt: time(run, "updated_at"),
  };
}

/** By the whole names: labels are clipped. */
function isFork(head: unknown, home: unknown): boolean {
  return typeof head === "string" && head !== "" && head !== home;
}
