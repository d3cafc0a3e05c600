import type { RepositoryFacts } from "./repositories.js";
import type { RestAccount, RestMinimalRepository, RestRepository } from "./schemas.js";

/** An account in REST's form. */
export function restAccount(login: string, id: number, type: string, base: string): RestAccount {
  return {
    login,
    id,
    node_id: `O_${id.toString(36)}`,
    url: `${base}/users/${login}`,
    html_url: `https://github.com/${login}`,
    type,
    site_admin: false,
  };
}

/** A repository inside a run: without `default_branch`. */
export function minimalRepository(facts: RepositoryFacts, base: string): RestMinimalRepository {
  const url = `${base}/repos/${facts.full_name}`;
  return {
    id: facts.id,
    node_id: `R_${facts.id.toString(36)}`,
    name: facts.name,
    full_name: facts.full_name,
    private: facts.private,
    owner: restAccount(facts.owner, facts.ownerId, facts.ownerType, base),
    html_url: `https://github.com/${facts.full_name}`,
    description: null,
    fork: facts.fork,
    url,
    hooks_url: `${url}/hooks`,
  };
}

/** A repository on its own route. */
export function restRepository(facts: RepositoryFacts, base: string): RestRepository {
  const { default_branch, archived } = facts;
  return { ...minimalRepository(facts, base), default_branch, archived, disabled: false };
}
