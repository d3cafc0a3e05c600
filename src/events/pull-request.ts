import { type EventType, eventCounter, REPOSITORY_WITH_BRANCH, values } from "./event-type.js";
import { label, maybeObject, type Repository, repository } from "./fields.js";

export interface PullRequest {
  readonly kind: "pull_request";
  readonly action: string;
  readonly repository: Repository;
  readonly baseBranch: string;
}

export const PULL_REQUESTS = eventCounter("github_pull_requests_total", ["base_branch", "action"], "Pull request events.");

export const pullRequest: EventType<PullRequest> = {
  selection: { ...values("action"), pull_request: { base: values("ref") }, repository: REPOSITORY_WITH_BRANCH },
  counters: { pullRequests: PULL_REQUESTS },
  read(payload) {
    const base = maybeObject(maybeObject(payload, "pull_request") ?? {}, "base");
    return { kind: "pull_request", action: label(payload, "action"), repository: repository(payload), baseBranch: label(base, "ref") };
  },
  fold({ action, baseBranch, repository: { owner, repo, defaultBranch } }, sink) {
    sink.count(PULL_REQUESTS, [owner, repo, sink.branchLabel(baseBranch, defaultBranch, "branch"), action]);
  },
};
