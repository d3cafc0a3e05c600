import { type EventType, eventCounter, REPOSITORY_WITH_BRANCH, values } from "./event-type.js";
import { label, type Repository, repository } from "./fields.js";

export interface Push {
  readonly kind: "push";
  readonly action: string;
  readonly repository: Repository;
  readonly ref: string;
  readonly commits: number;
}

export const PUSH_COMMITS = eventCounter("github_push_commits_total", ["branch"], "Commits that were pushed.");

export const push: EventType<Push> = {
  selection: { ...values("action", "ref"), commits: "count", repository: REPOSITORY_WITH_BRANCH },
  counters: { pushCommits: PUSH_COMMITS },
  read(payload, isStored) {
    const commits = payload["commits"];
    return {
      kind: "push",
      action: label(payload, "action"),
      repository: repository(payload),
      ref: label(payload, "ref"),
      commits: Array.isArray(commits) ? commits.length : isStored && typeof commits === "number" ? commits : 0,
    };
  },
  fold({ commits, ref, repository: { owner, repo, defaultBranch } }, sink) {
    if (commits === 0) return;
    const name = ref.replace(/^refs\/(heads|tags)\//, "");
    const branch = sink.branchLabel(name, defaultBranch, ref.startsWith("refs/tags/") ? "tag" : "branch");
    sink.count(PUSH_COMMITS, [owner, repo, branch], commits);
  },
};
