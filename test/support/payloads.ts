import { at } from "./clock.js";
/** Small payloads in GitHub's form. Every field can be replaced. */
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
      created_at: at("10:00:00"),
      started_at: at("10:00:00"),
      completed_at: null,
      ...job,
    },
    repository,
    ...more,
  };
}

/** Fields of a job that ran from 10:00:12 to 10:01:00. */
export const RAN = { runner_id: 7, started_at: at("10:00:12"), completed_at: at("10:01:00"), conclusion: "success" };

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
      created_at: at("10:00:00"),
      run_started_at: at("10:00:00"),
      updated_at: at("10:00:00"),
      ...run,
    },
    repository,
    ...more,
  };
}
