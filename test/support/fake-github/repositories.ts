import { asNumber, asObject, asText, type JsonObject } from "../../../src/simulator/reading.js";

/** What GitHub knows of a repository. */
export interface RepositoryFacts {
  readonly id: number;
  readonly full_name: string;
  readonly owner: string;
  readonly ownerId: number;
  readonly ownerType: string;
  readonly name: string;
  readonly default_branch: string;
  readonly private: boolean;
  readonly archived: boolean;
  readonly fork: boolean;
}

/** What a test may say of a repository. */
export type RepositoryChange = Partial<Pick<RepositoryFacts, "id" | "default_branch" | "private" | "archived" | "fork">>;

const asFlag = (value: unknown, otherwise: boolean): boolean => (typeof value === "boolean" ? value : otherwise);

/** A repository as a payload describes it: at its top level, or inside a run, where `default_branch` is missing. */
export function factsOf(repository: JsonObject): RepositoryFacts | undefined {
  const full_name = asText(repository["full_name"]);
  const slash = full_name?.indexOf("/") ?? -1;
  if (full_name === undefined || slash < 0) return undefined;
  const owner = asObject(repository["owner"]);
  return {
    id: asNumber(repository["id"]) ?? 0,
    full_name,
    owner: full_name.slice(0, slash),
    ownerId: asNumber(owner?.["id"]) ?? 0,
    ownerType: asText(owner?.["type"]) ?? "Organization",
    name: full_name.slice(slash + 1),
    default_branch: asText(repository["default_branch"]) ?? "main",
    private: asFlag(repository["private"], true),
    archived: asFlag(repository["archived"], false),
    fork: asFlag(repository["fork"], false),
  };
}

/** The repositories there are: those a test adds, and those that something happened in. */
export class Repositories {
  readonly #repositories = new Map<string, RepositoryFacts>();
  #nextId = 700_000_000;

  /** Adds a repository, or changes some of one. */
  change(fullName: string, change: RepositoryChange = {}): RepositoryFacts {
    const before = this.find(fullName) ?? factsOf({ full_name: fullName, id: (this.#nextId += 1) });
    if (!before) throw new Error(`no full name: ${fullName}`);
    const after = { ...before, ...change };
    this.#repositories.set(fullName.toLowerCase(), after);
    return after;
  }

  /** Takes over a repository that a payload names. What is known already stays: payloads may be old. */
  take(facts: RepositoryFacts): void {
    const key = facts.full_name.toLowerCase();
    if (!this.#repositories.has(key)) this.#repositories.set(key, facts);
  }

  find(fullName: string): RepositoryFacts | undefined {
    return this.#repositories.get(fullName.toLowerCase());
  }

  of(owner: string): RepositoryFacts[] {
    return [...this.#repositories.values()].filter((facts) => facts.owner.toLowerCase() === owner.toLowerCase());
  }

  delete(fullName: string): void {
    this.#repositories.delete(fullName.toLowerCase());
  }
}
