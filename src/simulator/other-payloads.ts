import { isoSeconds, type SimulatedRepository } from "./model.js";

const noCommit = "0".repeat(40);

/** Fields of a push; `ref` is the full name (`refs/heads/…` or `refs/tags/…`). */
export interface Push {
  readonly ref: string;
  readonly headSha: string;
  readonly commits: number;
  readonly at: number;
}

/** Fields of a pull request event; `base` and `head` are branch names. */
export interface PullRequest {
  readonly action: string;
  readonly number: number;
  readonly base: string;
  readonly head: string;
  readonly headSha: string;
  readonly at: number;
}

function tail(repository: SimulatedRepository): string {
  return `"repository":${repository.json},"organization":${repository.organizationJson},"sender":${repository.senderJson}}`;
}

function body(repository: SimulatedRepository, fields: Record<string, unknown>): string {
  return `${JSON.stringify(fields).slice(0, -1)},${tail(repository)}`;
}

/** The JSON body of a `push` event. A push has no action. */
export function renderPush(repository: SimulatedRepository, push: Push): string {
  const deleted = push.commits === 0 && push.ref.startsWith("refs/heads/");
  const author = { name: "Mona Lisa", email: "octocat@github.com", username: "octocat" };
  const commits = Array.from({ length: push.commits }, (_, i) => ({
    id: i === push.commits - 1 ? push.headSha : `${i}${push.headSha}`.slice(0, 40),
    distinct: true,
    message: `Change number ${i + 1}`,
    timestamp: isoSeconds(push.at - (push.commits - i)),
    author,
    committer: author,
    added: [],
    removed: [],
    modified: ["README.md"],
  }));
  return body(repository, {
    ref: push.ref,
    before: noCommit,
    after: deleted ? noCommit : push.headSha,
    created: !deleted,
    deleted,
    forced: false,
    base_ref: null,
    compare: `https://github.com/${repository.fullName}/compare/${push.headSha.slice(0, 12)}`,
    commits,
    head_commit: commits.at(-1) ?? null,
    pusher: { name: "octocat", email: "octocat@github.com" },
  });
}

/** The JSON body of a `pull_request` event. */
export function renderPullRequest(repository: SimulatedRepository, pull: PullRequest): string {
  const closed = pull.action === "closed";
  return body(repository, {
    action: pull.action,
    number: pull.number,
    pull_request: {
      id: repository.id * 1000 + pull.number,
      number: pull.number,
      state: closed ? "closed" : "open",
      locked: false,
      title: "Read the settings once at the start",
      body: null,
      created_at: isoSeconds(pull.at),
      updated_at: isoSeconds(pull.at),
      closed_at: closed ? isoSeconds(pull.at) : null,
      merged_at: null,
      merged: false,
      draft: false,
      head: { label: `${repository.owner}:${pull.head}`, ref: pull.head, sha: pull.headSha },
      base: { label: `${repository.owner}:${pull.base}`, ref: pull.base, sha: noCommit },
      html_url: `https://github.com/${repository.fullName}/pull/${pull.number}`,
    },
  });
}

/** The JSON body of the `ping` that GitHub sends when a hook is made. */
export function renderPing(repository: SimulatedRepository): string {
  return body(repository, {
    zen: "Anything added dilutes everything else.",
    hook_id: repository.hookId,
    hook: { type: "Organization", id: repository.hookId, name: "web", active: true, events: ["*"] },
  });
}

/** Name and action of events that only the event counter uses. */
export const bystanders = [
  ["star", "created"],
  ["check_run", "created"],
  ["check_run", "completed"],
  ["issues", "opened"],
  ["issues", "closed"],
  ["issue_comment", "created"],
  ["create", undefined],
] as const;

/** The JSON body of such an event, with only the common fields. */
export function renderBystander(repository: SimulatedRepository, event: string, action: string | undefined, id: number): string {
  const subject = { id, html_url: `https://github.com/${repository.fullName}/${event}/${id}` };
  return body(repository, { ...(action === undefined ? {} : { action }), [event]: subject });
}
