import { isoSeconds, type SimulatedRepository, type Workflow } from "./model.js";
import { runPadding } from "./padding.js";

/** Fields that are the same in all attempts of a run. Times are whole seconds since 1970. */
export interface RunIdentity {
  readonly id: number;
  readonly number: number;
  readonly repository: SimulatedRepository;
  readonly workflow: Workflow;
  readonly event: string;
  readonly headBranch: string | null;
  readonly headSha: string;
  readonly fromFork: boolean;
  readonly createdAt: number;
  /** Where the payload names the workflow: in `workflow`, only in the run, or nowhere. */
  readonly named: "workflow" | "run" | "nowhere";
  readonly pad: boolean;
  /** The server omits run_attempt in jobs. */
  readonly onOldServer: boolean;
}

/** Fields of one event of an attempt. */
export interface RunMoment {
  readonly action: string;
  readonly status: string;
  readonly conclusion: string | null;
  readonly attempt: number;
  readonly updatedAt: number;
  readonly runStartedAt: number;
  /** The fork was deleted after the run. */
  readonly forkIsGone?: boolean;
}

function padding(run: RunIdentity, attempt: number): Record<string, unknown> {
  const { fullName } = run.repository;
  const actor: unknown = JSON.parse(run.repository.senderJson);
  const commitMessage = "Read the settings once at the start\n\nThey were read for every request, which showed in the profile.";
  return {
    ...runPadding(fullName, run.id),
    html_url: `https://github.com/${fullName}/actions/runs/${run.id}`,
    workflow_url: `https://api.github.com/repos/${fullName}/actions/workflows/${run.workflow.id}`,
    check_suite_url: `https://api.github.com/repos/${fullName}/check-suites/${run.id + 1}`,
    previous_attempt_url: attempt > 1 ? `https://api.github.com/repos/${fullName}/actions/runs/${run.id}/attempts/${attempt - 1}` : null,
    actor,
    triggering_actor: actor,
    referenced_workflows: [],
    head_commit: {
      id: run.headSha,
      tree_id: run.headSha.split("").toReversed().join(""),
      message: commitMessage,
      timestamp: isoSeconds(run.createdAt - 8),
      author: { name: "Mona Lisa", email: "octocat@github.com" },
      committer: { name: "GitHub", email: "noreply@github.com" },
    },
  };
}

/** The JSON body of a `workflow_run` event. */
export function renderRun(run: RunIdentity, moment: RunMoment): string {
  const { repository, workflow } = run;
  const { fullName } = repository;
  const workflowRun = JSON.stringify({
    id: run.id,
    name: run.named === "nowhere" ? "" : workflow.name,
    node_id: `WFR_${run.id.toString(36)}`,
    head_branch: run.headBranch,
    head_sha: run.headSha,
    path: workflow.path,
    display_title: "Read the settings once at the start",
    run_number: run.number,
    event: run.event,
    status: moment.status,
    conclusion: moment.conclusion,
    workflow_id: workflow.id,
    check_suite_id: run.id + 1,
    pull_requests: [],
    created_at: isoSeconds(run.createdAt),
    updated_at: isoSeconds(moment.updatedAt),
    run_attempt: moment.attempt,
    run_started_at: isoSeconds(moment.runStartedAt),
    ...(run.pad ? padding(run, moment.attempt) : {}),
  });
  const html = `https://github.com/${fullName}`;
  const workflowJson =
    run.named === "workflow"
      ? JSON.stringify({
          id: workflow.id,
          node_id: `W_${workflow.id.toString(36)}`,
          name: workflow.name,
          path: workflow.path,
          state: "active",
          created_at: "2025-02-03T10:00:00.000Z",
          updated_at: "2025-02-03T10:00:00.000Z",
          url: `https://api.github.com/repos/${fullName}/actions/workflows/${workflow.id}`,
          html_url: `${html}/blob/${repository.defaultBranch}/${workflow.path}`,
          badge_url: `${html}/workflows/${encodeURIComponent(workflow.name)}/badge.svg`,
        })
      : "null";
  const head = moment.forkIsGone ? "null" : run.fromFork ? repository.forkJson : repository.innerJson;
  return (
    `{"action":"${moment.action}","workflow_run":${workflowRun.slice(0, -1)},` +
    `"repository":${repository.innerJson},"head_repository":${head}},"workflow":${workflowJson},` +
    `"repository":${repository.json},"organization":${repository.organizationJson},` +
    `"sender":${repository.senderJson}}`
  );
}
