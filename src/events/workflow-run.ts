import { type EventType, REPOSITORY_WITH_BRANCH, values } from "./event-type.js";
import { attempt, id, label, maybeObject, object, type Repository, repository, time } from "./fields.js";

/** A `workflow_run` event, or the result of a look-up. Times are milliseconds since 1970, null where the payload has none. */
export interface WorkflowRun {
  readonly kind: "workflow_run";
  readonly action: string;
  readonly repository: Repository;
  readonly id: number;
  readonly runAttempt: number;
  readonly workflow: string;
  readonly status: string;
  readonly conclusion: string;
  readonly event: string;
  readonly headBranch: string;
  /** Whether the head is in another repository or in a deleted fork: its branch names are not those of this repository. */
  readonly fromFork: boolean;
  readonly createdAt: number | null;
  readonly runStartedAt: number | null;
  readonly updatedAt: number | null;
}

export const workflowRun: EventType<WorkflowRun> = {
  selection: {
    ...values("action"),
    workflow: values("name"),
    workflow_run: {
      ...values("id", "run_attempt", "name", "path", "status", "conclusion", "event", "head_branch"),
      ...values("created_at", "run_started_at", "updated_at"),
      head_repository: values("full_name"),
    },
    repository: REPOSITORY_WITH_BRANCH,
  },
  // `workflow` may be null and `name` empty.
  read(payload) {
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
  },
  fold(run, sink) {
    // The payload does not say whether head_branch is a tag. For a release it always is.
    const kind = run.fromFork ? "foreign" : run.event === "release" ? "tag" : "branch";
    sink.observeRun(run, sink.branchLabel(run.headBranch, run.repository.defaultBranch, kind));
  },
};

/** Compares full names, because labels are cut. */
function isFork(head: unknown, home: unknown): boolean {
  return typeof head === "string" && head !== "" && head !== home;
}
