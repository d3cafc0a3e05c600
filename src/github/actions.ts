import { Inject, Injectable } from "@nestjs/common";
import { repositoryPath, type Scope } from "./credentials.js";
import { GitHubError } from "./failure.js";
import { GitHub, type GitHubRequest } from "./github.js";

const PER_PAGE = 100;
/** Limit against endless lists: a matrix has up to 256 jobs, a run up to a few thousand. */
const MAX_JOB_PAGES = 100;
/** Default branches are cached this long. */
const BRANCH_TTL_MS = 3_600_000;
const MAX_BRANCHES = 20_000;

type JsonObject = Readonly<Record<string, unknown>>;

/** A repository by its full name. */
export interface RepositoryName {
  readonly owner: string;
  readonly repo: string;
}

export interface AttemptName extends RepositoryName {
  readonly runId: number;
  readonly runAttempt: number;
}

/** GitHub's answer, and the ETag for conditional requests. */
export interface Tagged<T> {
  readonly said: T;
  readonly etag: string | undefined;
}

/** Options of the caller: see {@link GitHubRequest}. */
export type RequestOptions = Pick<GitHubRequest, "purpose" | "reserve">;

/** Reads runs, jobs and repositories from GitHub's REST API. */
@Injectable()
export class Actions {
  readonly #branches = new Map<string, { readonly branch: string; readonly until: number }>();

  constructor(@Inject(GitHub) private readonly github: Pick<GitHub, "ask">) {}

  /** One attempt of a run, like in a `workflow_run` payload; "unchanged" if the etag still matches. @throws {GitHubError} */
  async attempt(name: AttemptName, options: RequestOptions, etag?: string): Promise<Tagged<JsonObject> | "unchanged"> {
    const path = `${attemptPath(name)}?exclude_pull_requests=true`;
    return this.#unlessUnchanged(async () => {
      const answer = await this.github.ask({ ...options, scope: scopeOf(name), path, etag });
      return { said: asFields(answer.data, "a run"), etag: answer.etag };
    });
  }

  /** All jobs of an attempt; "unchanged" if the etag of the first page still matches. @throws {GitHubError} */
  async jobs(name: AttemptName, options: RequestOptions, etag?: string): Promise<Tagged<readonly JsonObject[]> | "unchanged"> {
    return this.#unlessUnchanged(async () => {
      const first = await this.github.ask({
        ...options,
        scope: scopeOf(name),
        path: `${attemptPath(name)}/jobs?per_page=${PER_PAGE}`,
        etag,
      });
      const jobs = listOf(first.data, "jobs");
      let { next } = first;
      for (let page = 1; next !== undefined && page < MAX_JOB_PAGES; page += 1) {
        const answer = await this.github.ask({ ...options, scope: scopeOf(name), path: next });
        jobs.push(...listOf(answer.data, "jobs"));
        ({ next } = answer);
      }
      // The etag covers only the first page, so use it only if there are no others.
      return { said: jobs, etag: first.next === undefined ? first.etag : undefined };
    });
  }

  /** The newest attempts of runs in a status, at most the 1,000 that GitHub lists. @throws {GitHubError} */
  async runs(name: RepositoryName, status: string, createdSince: Date, options: RequestOptions): Promise<readonly JsonObject[]> {
    const created = encodeURIComponent(`>=${createdSince.toISOString().slice(0, 19)}Z`);
    const path = `${repositoryPath(name)}/actions/runs?status=${status}&created=${created}&exclude_pull_requests=true&per_page=${PER_PAGE}`;
    // Read all pages before other requests, because the list changes as runs complete.
    const runs: JsonObject[] = [];
    for await (const run of this.#all(path, "workflow_runs", scopeOf(name), options)) runs.push(run);
    return runs;
  }

  /** The repositories of an organisation that can have runs. @throws {GitHubError} */
  async *repositoriesOf(org: string, options: RequestOptions): AsyncGenerator<RepositoryName> {
    for await (const repository of this.#all(
      `/orgs/${encodeURIComponent(org)}/repos?type=all&per_page=${PER_PAGE}`,
      undefined,
      { kind: "org", org },
      options,
    )) {
      if (repository["archived"] === true || repository["disabled"] === true) continue;
      const [owner, repo] = String(repository["full_name"]).split("/");
      if (owner && repo) yield { owner, repo };
    }
  }

  /** The default branch, cached for an hour; "" if there is none. @throws {GitHubError} */
  async defaultBranch(name: RepositoryName, options: RequestOptions): Promise<string> {
    const key = `${name.owner}/${name.repo}`.toLowerCase();
    const known = this.#branches.get(key);
    if (known && known.until > Date.now()) return known.branch;
    const branch = (await this.#repository(name, options))["default_branch"];
    this.#branches.delete(key);
    this.#branches.set(key, { branch: typeof branch === "string" ? branch : "", until: Date.now() + BRANCH_TTL_MS });
    const oldest = this.#branches.keys().next();
    if (this.#branches.size > MAX_BRANCHES && !oldest.done) this.#branches.delete(oldest.value);
    return this.#branches.get(key)?.branch ?? "";
  }

  /** True if the credentials can see the repository. @throws {GitHubError} for other errors than "gone" */
  async isVisible(name: RepositoryName, options: RequestOptions): Promise<boolean> {
    try {
      await this.#repository(name, options);
      return true;
    } catch (error) {
      if (error instanceof GitHubError && error.outcome === "gone") return false;
      throw error;
    }
  }

  async #repository(name: RepositoryName, options: RequestOptions): Promise<JsonObject> {
    return asFields((await this.github.ask({ ...options, scope: scopeOf(name), path: repositoryPath(name) })).data, "a repository");
  }

  async *#all(path: string, list: string | undefined, scope: Scope, options: RequestOptions): AsyncGenerator<JsonObject> {
    for (let next: string | undefined = path; next !== undefined;) {
      const answer = await this.github.ask({ ...options, scope, path: next });
      yield* listOf(answer.data, list);
      if (answer.next === next) throw new GitHubError("the next-page link of GitHub's list points to the same page", "invalid", 200);
      ({ next } = answer);
    }
  }

  async #unlessUnchanged<T>(ask: () => Promise<T>): Promise<T | "unchanged"> {
    try {
      return await ask();
    } catch (error) {
      if (error instanceof GitHubError && error.outcome === "not_modified") return "unchanged";
      throw error;
    }
  }
}

const scopeOf = ({ owner, repo }: RepositoryName): Scope => ({ kind: "repo", owner, repo });

const attemptPath = (name: AttemptName): string => `${repositoryPath(name)}/actions/runs/${name.runId}/attempts/${name.runAttempt}`;

function asFields(value: unknown, what: string): JsonObject {
  if (value === null || typeof value !== "object" || Array.isArray(value))
    throw new GitHubError(`GitHub's answer is not ${what}`, "invalid", 200);
  return value as JsonObject;
}

function listOf(value: unknown, name: string | undefined): JsonObject[] {
  const list = name === undefined ? value : asFields(value, "a list")[name];
  if (!Array.isArray(list)) throw new GitHubError("GitHub's answer is not a list", "invalid", 200);
  return list.map((entry) => asFields(entry, "a list of objects"));
}
