import { asNumber, asObject, asText, type JsonObject } from "../../../src/simulator/reading.js";

/** A repository at GitHub. */
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

/** The values that a test may set for a repository. */
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

interface Known {
  /** From the first payload with this repository, and made up before. */
  readonly facts: RepositoryFacts;
  readonly isMadeUp: boolean;
  /** Set by a test. Payloads do not change these values. */
  readonly change: RepositoryChange;
}

/** All repositories: added by a test, or known from an event. */
export class Repositories {
  readonly #known = new Map<string, Known>();
  #nextId = 700_000_000;

  /** Adds a repository, or changes an existing one. */
  change(fullName: string, change: RepositoryChange = {}): RepositoryFacts {
    const known = this.#known.get(fullName.toLowerCase());
    const facts = known?.facts ?? factsOf({ full_name: fullName, id: (this.#nextId += 1) });
    if (!facts) throw new Error(`no full name: ${fullName}`);
    this.#known.set(fullName.toLowerCase(), { facts, isMadeUp: known?.isMadeUp ?? true, change: { ...known?.change, ...change } });
    return facts;
  }

  /** Takes a repository from its first payload. Later payloads change nothing, because they may be older. */
  take(facts: RepositoryFacts): void {
    const key = facts.full_name.toLowerCase();
    const known = this.#known.get(key);
    if (known && !known.isMadeUp) return;
    const id = facts.id || known?.facts.id || (this.#nextId += 1);
    this.#known.set(key, { facts: { ...facts, id }, isMadeUp: false, change: known?.change ?? {} });
  }

  find(fullName: string): RepositoryFacts | undefined {
    const known = this.#known.get(fullName.toLowerCase());
    return known && { ...known.facts, ...known.change };
  }

  of(owner: string): RepositoryFacts[] {
    return [...this.#known.values()]
      .filter(({ facts }) => facts.owner.toLowerCase() === owner.toLowerCase())
      .map(({ facts, change }) => Object.assign({}, facts, change));
  }

  delete(fullName: string): void {
    this.#known.delete(fullName.toLowerCase());
  }
}
