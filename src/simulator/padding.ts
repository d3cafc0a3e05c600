const userUrls: Readonly<Record<string, string>> = {
  url: "",
  followers_url: "/followers",
  following_url: "/following{/other_user}",
  gists_url: "/gists{/gist_id}",
  starred_url: "/starred{/owner}{/repo}",
  subscriptions_url: "/subscriptions",
  organizations_url: "/orgs",
  repos_url: "/repos",
  events_url: "/events{/privacy}",
  received_events_url: "/received_events",
};

const repositoryUrls: Readonly<Record<string, string>> = {
  url: "",
  archive_url: "/{archive_format}{/ref}",
  assignees_url: "/assignees{/user}",
  blobs_url: "/git/blobs{/sha}",
  branches_url: "/branches{/branch}",
  collaborators_url: "/collaborators{/collaborator}",
  comments_url: "/comments{/number}",
  commits_url: "/commits{/sha}",
  compare_url: "/compare/{base}...{head}",
  contents_url: "/contents/{+path}",
  contributors_url: "/contributors",
  deployments_url: "/deployments",
  downloads_url: "/downloads",
  events_url: "/events",
  forks_url: "/forks",
  git_commits_url: "/git/commits{/sha}",
  git_refs_url: "/git/refs{/sha}",
  git_tags_url: "/git/tags{/sha}",
  hooks_url: "/hooks",
  issue_comment_url: "/issues/comments{/number}",
  issue_events_url: "/issues/events{/number}",
  issues_url: "/issues{/number}",
  keys_url: "/keys{/key_id}",
  labels_url: "/labels{/name}",
  languages_url: "/languages",
  merges_url: "/merges",
  milestones_url: "/milestones{/number}",
  notifications_url: "/notifications{?since,all,participating}",
  pulls_url: "/pulls{/number}",
  releases_url: "/releases{/id}",
  stargazers_url: "/stargazers",
  statuses_url: "/statuses/{sha}",
  subscribers_url: "/subscribers",
  subscription_url: "/subscription",
  tags_url: "/tags",
  teams_url: "/teams",
  trees_url: "/git/trees{/sha}",
};

const runUrls: Readonly<Record<string, string>> = {
  url: "",
  jobs_url: "/jobs",
  logs_url: "/logs",
  artifacts_url: "/artifacts",
  cancel_url: "/cancel",
  rerun_url: "/rerun",
};

function urls(base: string, paths: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(paths).map(([field, path]) => [field, base + path]));
}

/** The url fields of a user or an organization as an owner. */
export function userPadding(login: string, id: number): Record<string, string> {
  return {
    ...urls(`https://api.github.com/users/${login}`, userUrls),
    avatar_url: `https://avatars.githubusercontent.com/u/${id}?v=4`,
    gravatar_id: "",
    html_url: `https://github.com/${login}`,
  };
}

/** The url fields of every repository object. */
export function repositoryPadding(fullName: string): Record<string, string> {
  return {
    ...urls(`https://api.github.com/repos/${fullName}`, repositoryUrls),
    html_url: `https://github.com/${fullName}`,
  };
}

/** Fields that only the top-level repository has. */
export function topLevelRepositoryPadding(fullName: string): Record<string, unknown> {
  return {
    clone_url: `https://github.com/${fullName}.git`,
    git_url: `git://github.com/${fullName}.git`,
    ssh_url: `git@github.com:${fullName}.git`,
    svn_url: `https://github.com/${fullName}`,
    homepage: null,
    size: 48_213,
    stargazers_count: 17,
    watchers_count: 17,
    language: "TypeScript",
    has_issues: true,
    has_projects: true,
    has_downloads: true,
    has_wiki: false,
    has_pages: false,
    has_discussions: false,
    forks_count: 3,
    mirror_url: null,
    archived: false,
    disabled: false,
    open_issues_count: 21,
    license: null,
    allow_forking: true,
    is_template: false,
    web_commit_signoff_required: false,
    topics: [],
    visibility: "private",
    forks: 3,
    open_issues: 21,
    watchers: 17,
    custom_properties: {},
  };
}

/** The url fields of a run. */
export function runPadding(fullName: string, runId: number): Record<string, string> {
  return urls(`https://api.github.com/repos/${fullName}/actions/runs/${runId}`, runUrls);
}
