import type { Accounts } from "../accounts.js";
import { maySee } from "../credentials.js";
import { pageOf } from "../pages.js";
import type { Repositories, RepositoryFacts } from "../repositories.js";
import { restRepository } from "../rest-repository.js";
import { type Call, notFound, ok, okOrNotFound, type Route } from "../route.js";

/** The repository of the path, if it exists and the client may see it. */
export function repositoryOf(call: Call, repositories: Repositories): RepositoryFacts | undefined {
  const repository = repositories.find(`${call.param("owner")}/${call.param("repo")}`);
  return repository && maySee(call.principal, repository.owner) ? repository : undefined;
}

/** Single repositories and lists. */
export function repositoryRoutes(repositories: Repositories, accounts: Accounts): Route[] {
  const shown = (call: Call, all: readonly RepositoryFacts[]) => {
    const { items, headers } = pageOf(call, all);
    return { items: items.map((repository) => restRepository(repository, call.base)), headers };
  };
  return [
    {
      method: "GET",
      pattern: "/repos/{owner}/{repo}",
      as: "anyToken",
      handle(call) {
        const repository = repositoryOf(call, repositories);
        return okOrNotFound(repository && restRepository(repository, call.base));
      },
    },
    {
      method: "GET",
      pattern: "/orgs/{org}/repos",
      as: "anyToken",
      handle(call) {
        const org = call.param("org");
        if (!accounts.has(org) || !maySee(call.principal, org)) return notFound();
        const { items, headers } = shown(call, repositories.of(org));
        return ok(items, headers);
      },
    },
    {
      method: "GET",
      pattern: "/installation/repositories",
      as: "installation",
      handle(call) {
        const all = repositories.of(call.principal.account ?? "");
        const { items, headers } = shown(call, all);
        return ok({ total_count: all.length, repository_selection: "all", repositories: items }, headers);
      },
    },
  ];
}
