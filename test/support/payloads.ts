/** Small payloads in GitHub's form; every field can be replaced. */
export const repository = { full_name: "acme/api", default_branch: "main" };

type Fields = Record<string, unknown>;

export function jobPayload(action: string, job: Fields = {}, more: Fields = {}) {
  return {
    action,
    workflow_job: {
      id: 1001,
      run_id: 501,
      run_attempt: 1,
      workflow_name: "ci",
      status: action,
      conclusion: null,
      labels: ["ubuntu-latest"],
      runner_id: null,
      created_at: "2026-11-01T10:00:00Z",
      started_at: "2026-11-01T10:00:00Z",
      completed_at: null,
      ...job,
    },
    repository,
    ...more,
  };
}

/** Fields of a job that ran from 10:00:12 to 10:01:00. */
export const RAN = { runner_id: 7, started_at: "2026-11-01T10:00:12Z", completed_at: "2026-11-01T10:01:00Z", conclusion: "success" };

export function runPayload(action: string, run: Fields = {}, more: Fields = {}) {
  return {
    action,
    workflow: { name: "ci" },
    workflow_run: {
      id: 501,
      run_attempt: 1,
      name: "ci",
      event: "push",
      status: action === "requested" ? "queued" : action,
      conclusion: null,
      head_branch: "main",
      head_repository: { full_name: "acme/api" },
      created_at: "2026-11-01T10:00:00Z",
      run_started_at: "2026-11-01T10:00:00Z",
      updated_at: "2026-11-01T10:00:00Z",
      ...run,
    },
    repository,
    ...more,
  };
}
