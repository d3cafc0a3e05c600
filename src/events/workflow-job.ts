import { type EventType, REPOSITORY, values } from "./event-type.js";
import { asLabel, asText, attempt, id, type JsonObject, label, object, type Repository, repository, time } from "./fields.js";

/** Names of matrix jobs contain all values of the matrix. UTF-16 units. */
const LONGEST_NAME = 255;
const MOST_RUNNER_LABELS = 50;
/** UTF-16 units. */
const LONGEST_RUNS_ON = 256;

/** A `workflow_job` event, or the result of a look-up. Times are milliseconds since 1970, null where the payload has none. */
export interface WorkflowJob {
  readonly kind: "workflow_job";
  readonly action: string;
  readonly repository: Repository;
  readonly id: number;
  readonly runId: number;
  /** 0 where an older server left it out: the job belongs to the newest attempt of its run. */
  readonly runAttempt: number;
  readonly name: string;
  readonly workflow: string;
  readonly status: string;
  readonly conclusion: string;
  /** Labels of the runner that the job asks for, sorted. */
  readonly labels: readonly string[];
  /** Null where the payload names none. */
  readonly runnerId: number | null;
  readonly hasStartedStep: boolean;
  /** Whether the job deploys to an environment, which may require an approval. */
  readonly isDeployment: boolean;
  readonly createdAt: number | null;
  readonly startedAt: number | null;
  readonly completedAt: number | null;
}

export const workflowJob: EventType<WorkflowJob> = {
  selection: {
    ...values("action"),
    workflow_job: {
      ...values("id", "run_id", "run_attempt", "name", "workflow_name", "status", "conclusion", "labels", "runner_id"),
      ...values("created_at", "started_at", "completed_at"),
      steps: "started",
    },
    // Jobs have no branch label, and default_branch comes late in the body, so the projector would read further.
    repository: REPOSITORY,
  },
  optional: { deployment: values("id") },
  read(payload, isStored) {
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
  },
  fold: (job, sink) => sink.observeJob(job),
};

const hasStarted = (steps: unknown): boolean =>
  Array.isArray(steps) && steps.some((step: unknown) => typeof (step as JsonObject | null)?.["started_at"] === "string");

/** Keeps whole labels in sorted order up to LONGEST_RUNS_ON. Joined, they are one label value, which is part of an index row. */
function runnerLabels(value: unknown): string[] {
  if (!Array.isArray(value)) return [];
  const labels = value.slice(0, MOST_RUNNER_LABELS).map(asLabel).filter(Boolean);
  if (labels.length > 1) labels.sort();
  let length = 0;
  return labels.filter((one) => (length += one.length + 1) <= LONGEST_RUNS_ON);
}
