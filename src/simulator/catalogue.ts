import type { SimulatedRepository, Workflow } from "./model.js";
import { repositoryPadding, topLevelRepositoryPadding, userPadding } from "./padding.js";
import { hash32, type Random } from "./random.js";

const ownerNames = ["acme", "globex", "initech", "umbrella", "hooli", "stark", "wayne", "tyrell"];
const repositoryNames = ["api", "web-app", "infra", "docs_site", "mobile.app", "Hello-World"];
const defaultBranches = ["main", "main", "master", "trunk"];
const workflowNames = [
  "CI",
  "Build and test",
  'Deploy "production"',
  "Prüfung – Größe 🚀",
  "C:\\build\\windows",
  ".github/workflows/lint.yml",
  "Nightly",
  "数据同步",
];
const runners: readonly (readonly string[])[] = [
  ["ubuntu-latest"],
  ["self-hosted", "linux", "x64"],
  ["windows-2025"],
  ["macos-15", "xlarge"],
  ["self-hosted", "gpu"],
];

export interface CatalogueOptions {
  readonly seed: number;
  readonly owners: number;
  readonly repositories: number;
  readonly pad: boolean;
  /** Identifies this history in its owners, ids and GUIDs. */
  readonly identity: string;
}

interface Account {
  readonly login: string;
  readonly id: number;
}

function accountJson(account: Account, type: "User" | "Organization", pad: boolean): string {
  return JSON.stringify(accountObject(account, type, pad));
}

function accountObject(account: Account, type: string, pad: boolean): Record<string, unknown> {
  return {
    login: account.login,
    id: account.id,
    node_id: `U_${account.id.toString(36)}`,
    ...(pad ? userPadding(account.login, account.id) : {}),
    type,
    site_admin: false,
  };
}

function innerRepository(id: number, owner: Account, name: string, fork: boolean, pad: boolean) {
  const fullName = `${owner.login}/${name}`;
  return {
    id,
    node_id: `R_${id.toString(36)}`,
    name,
    full_name: fullName,
    private: !fork,
    owner: accountObject(owner, fork ? "User" : "Organization", pad),
    description: null,
    fork,
    ...(pad ? repositoryPadding(fullName) : {}),
  };
}

function makeWorkflows(random: Random, repositoryId: number, index: number): Workflow[] {
  const count = random.int(3, 5);
  return Array.from({ length: count }, (_, i) => ({
    id: repositoryId * 10 + i,
    name: workflowNames[(index * 3 + i) % workflowNames.length] ?? "CI",
    path: `.github/workflows/workflow-${i}.yml`,
    runsOn: [random.pick(runners), random.pick(runners)],
  }));
}

/** The repositories of a history, with the constant parts of their payloads. */
export function makeCatalogue(options: CatalogueOptions, random: Random): SimulatedRepository[] {
  const tag = `s${options.seed}-${hash32(options.identity).toString(36).padStart(7, "0")}`;
  const contributor: Account = { login: `contributor-${tag}`, id: random.int(1e6, 1e8) };
  const repositories: SimulatedRepository[] = [];
  for (let o = 0; o < options.owners; o++) {
    const round = Math.floor(o / ownerNames.length);
    const login = `${ownerNames[o % ownerNames.length]}-${tag}${round > 0 ? `-${round}` : ""}`;
    const owner: Account = { login, id: random.int(1e6, 1e8) };
    const hookId = random.int(1e8, 9e8);
    for (let r = 0; r < options.repositories; r++) {
      const cycle = Math.floor(r / repositoryNames.length);
      const name = `${repositoryNames[r % repositoryNames.length]}${cycle > 0 ? `-${cycle}` : ""}`;
      const id = random.int(1e8, 9e8);
      const defaultBranch = random.pick(defaultBranches);
      const inner = innerRepository(id, owner, name, false, options.pad);
      const top = {
        ...inner,
        created_at: "2024-03-01T09:00:00Z",
        default_branch: defaultBranch,
        ...(options.pad ? topLevelRepositoryPadding(inner.full_name) : {}),
      };
      repositories.push({
        id,
        owner: login,
        name,
        fullName: inner.full_name,
        defaultBranch,
        hookId,
        secondHookId: hookId + 1 + r,
        workflows: makeWorkflows(random, id, repositories.length),
        json: JSON.stringify(top),
        innerJson: JSON.stringify(inner),
        forkJson: JSON.stringify(innerRepository(id + 1, contributor, name, true, options.pad)),
        senderJson: accountJson(contributor, "User", options.pad),
        organizationJson: JSON.stringify({ login, id: owner.id, description: "" }),
      });
    }
  }
  return repositories;
}
