import { COUNTERS } from "../counters/catalogue.js";
import type { LabelPolicy } from "../counters/label-policy.js";
import { isLookupResult } from "../intake/delivery.js";
import type { Projection, PullRequestProjection, PushProjection, WorkflowRunProjection } from "../events/projection.js";
import type { Arrival, Batch } from "./batch.js";

/** Folds one delivery into the batch. */
export function fold(batch: Batch, policy: LabelPolicy, event: string, projection: Projection, arrival: Arrival): void {
  const isEvent = !isLookupResult(event);
  if (isEvent) batch.countEvent(event, projection.action);
  if (projection.kind === "other") return;
  const { owner, repo } = projection.repository;
  if (!policy.measures(owner, repo)) return;
  switch (projection.kind) {
    case "workflow_job":
      return batch.observeJob(projection, arrival, isEvent);
    case "workflow_run":
      return batch.observeRun(projection, runBranch(policy, projection), arrival, isEvent);
    case "push":
      return foldPush(batch, policy, projection);
    case "pull_request":
      return foldPullRequest(batch, policy, projection);
  }
}

function runBranch(policy: LabelPolicy, run: WorkflowRunProjection): string {
  // The payload does not say whether head_branch is a tag; a release's always is.
  const kind = run.fromFork ? "foreign" : run.event === "release" ? "tag" : "branch";
  return policy.branch(run.headBranch, run.repository.defaultBranch, kind);
}

function foldPush(batch: Batch, policy: LabelPolicy, push: PushProjection): void {
  if (push.commits === 0) return;
  const { owner, repo, defaultBranch } = push.repository;
  const isTag = push.ref.startsWith("refs/tags/");
  const branch = policy.branch(push.ref.replace(/^refs\/(heads|tags)\//, ""), defaultBranch, isTag ? "tag" : "branch");
  batch.tally.add(COUNTERS.pushCommits, [owner, repo, branch], push.commits);
}

function foldPullRequest(batch: Batch, policy: LabelPolicy, pull: PullRequestProjection): void {
  const { owner, repo, defaultBranch } = pull.repository;
  batch.tally.add(COUNTERS.pullRequests, [owner, repo, policy.branch(pull.baseBranch, defaultBranch, "branch"), pull.action]);
}
