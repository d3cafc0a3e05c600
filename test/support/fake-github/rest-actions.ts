import { asNumber, asObject, asText, type JsonObject } from "../../../src/simulator/reading.js";
import type { Attempt } from "./actions-state.js";
import { factsOf, type RepositoryFacts } from "./repositories.js";
import { minimalRepository } from "./rest-repository.js";
import type { RestJob, RestRun } from "./schemas.js";
import type { JobSnapshot } from "./snapshot.js";

const text = (payload: JsonObject, field: string): string => asText(payload[field]) ?? "";
const textOrNull = (payload: JsonObject, field: string): string | null => asText(payload[field]) ?? null;
const number = (payload: JsonObject, field: string): number => asNumber(payload[field]) ?? 0;
const numberOrNull = (payload: JsonObject, field: string): number | null => asNumber(payload[field]) ?? null;

/** An attempt in REST's form of a run: minimal repositories, and no `workflow`. */
export function restRun({ runId, number: attempt, snapshot }: Attempt, repository: RepositoryFacts, base: string): RestRun {
  const { payload, status, conclusion } = snapshot;
  const api = `${base}/repos/${repository.full_name}`;
  const url = `${api}/actions/runs/${runId}`;
  const head = factsOf(asObject(payload["head_repository"]) ?? {});
  return {
    id: runId,
    name: textOrNull(payload, "name"),
    node_id: text(payload, "node_id"),
    head_branch: textOrNull(payload, "head_branch"),
    head_sha: text(payload, "head_sha"),
    path: text(payload, "path"),
    display_title: text(payload, "display_title"),
    run_number: number(payload, "run_number"),
    run_attempt: attempt,
    event: text(payload, "event"),
    status,
    conclusion,
    workflow_id: number(payload, "workflow_id"),
    check_suite_id: number(payload, "check_suite_id"),
    url,
    html_url: `https://github.com/${repository.full_name}/actions/runs/${runId}`,
    pull_requests: [],
    created_at: text(payload, "created_at"),
    updated_at: text(payload, "updated_at"),
    run_started_at: text(payload, "run_started_at"),
    referenced_workflows: [],
    jobs_url: `${url}/jobs`,
    logs_url: `${url}/logs`,
    check_suite_url: `${api}/check-suites/${number(payload, "check_suite_id")}`,
    artifacts_url: `${url}/artifacts`,
    cancel_url: `${url}/cancel`,
    rerun_url: `${url}/rerun`,
    previous_attempt_url: attempt > 1 ? `${url}/attempts/${attempt - 1}` : null,
    workflow_url: `${api}/actions/workflows/${number(payload, "workflow_id")}`,
    head_commit: null,
    repository: minimalRepository(repository, base),
    head_repository: head ? minimalRepository(head, base) : null,
  };
}

/** A job in REST's form: without its repository. */
export function restJob(job: JobSnapshot, repository: RepositoryFacts, base: string): RestJob {
  const { payload } = job;
  const api = `${base}/repos/${repository.full_name}`;
  const labels = payload["labels"];
  const steps = payload["steps"];
  const startedAt = text(payload, "started_at");
  return {
    id: job.id,
    run_id: job.runId,
    run_url: `${api}/actions/runs/${job.runId}`,
    run_attempt: job.attempt,
    node_id: text(payload, "node_id"),
    head_sha: text(payload, "head_sha"),
    url: `${api}/actions/jobs/${job.id}`,
    html_url: `https://github.com/${repository.full_name}/actions/runs/${job.runId}/job/${job.id}`,
    // Values of the webhook are copied unchecked, since GitHub's description does not limit them either.
    status: job.status as RestJob["status"],
    conclusion: job.conclusion as RestJob["conclusion"],
    // REST always has it, unlike old payloads.
    created_at: asText(payload["created_at"]) ?? startedAt,
    started_at: startedAt,
    completed_at: textOrNull(payload, "completed_at"),
    name: text(payload, "name"),
    steps: (Array.isArray(steps) ? steps : []) as NonNullable<RestJob["steps"]>,
    check_run_url: `${api}/check-runs/${job.id}`,
    labels: Array.isArray(labels) ? labels.filter((label) => typeof label === "string") : [],
    runner_id: numberOrNull(payload, "runner_id"),
    runner_name: textOrNull(payload, "runner_name"),
    runner_group_id: numberOrNull(payload, "runner_group_id"),
    runner_group_name: textOrNull(payload, "runner_group_name"),
    workflow_name: textOrNull(payload, "workflow_name"),
    head_branch: textOrNull(payload, "head_branch"),
  };
}
