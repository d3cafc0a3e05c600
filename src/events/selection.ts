/**
 * Which members of a payload a projection has: `value` as it is, `count` only how many elements an array has, `started` only whether
 * an element of an array has a `started_at` (1 or 0), an object for some members of an object.
 */
export interface Selection {
  readonly [name: string]: "value" | "count" | "started" | Selection;
}

const values = (...names: string[]): Selection => Object.fromEntries(names.map((name) => [name, "value" as const]));

const REPOSITORY = { ...values("name", "full_name"), owner: values("login") };
const WITH_DEFAULT_BRANCH = { ...REPOSITORY, ...values("default_branch") };

/** By event: what `read.ts` reads. Any other event is counted by its action alone. */
export const SELECTIONS: Readonly<Record<string, Selection>> = {
  workflow_job: {
    ...values("action"),
    workflow_job: {
      ...values(
        "id",
        "run_id",
        "run_attempt",
        "name",
        "workflow_name",
        "status",
        "conclusion",
        "labels",
        "runner_id",
        "created_at",
        "started_at",
        "completed_at",
      ),
      steps: "started",
    },
    // A job has no branch label, and the default branch stands far behind.
    repository: REPOSITORY,
  },
  workflow_run: {
    ...values("action"),
    workflow: values("name"),
    workflow_run: {
      ...values(
        "id",
        "run_attempt",
        "name",
        "path",
        "status",
        "conclusion",
        "event",
        "head_branch",
        "created_at",
        "run_started_at",
        "updated_at",
      ),
      head_repository: values("full_name"),
    },
    repository: WITH_DEFAULT_BRANCH,
  },
  push: { ...values("action", "ref"), commits: "count", repository: WITH_DEFAULT_BRANCH },
  pull_request: { ...values("action"), pull_request: { base: values("ref") }, repository: WITH_DEFAULT_BRANCH },
};

/** What a job that deploys has beside what all jobs have. */
export const DEPLOYMENT: Selection = { deployment: values("id") };

/** The repository is for its share and its limits. */
export const ANY_OTHER: Selection = { ...values("action"), repository: values("full_name") };
