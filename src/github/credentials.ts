import { createHash } from "node:crypto";
import type { App } from "@octokit/app";
import { Octokit } from "@octokit/core";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config, type Hook, LiveConfig } from "../config/index.js";
import { GitHubError } from "./failure.js";
import { proxiedFetch } from "./proxied-fetch.js";

const REQUEST_TIMEOUT_SECONDS = 20;

/** Selects the credentials of a request: the App itself, or the installation on an organisation or repository. */
export type Scope = Hook["scope"];

/** An identity with its own rate limit at GitHub. */
export interface Principal {
  readonly name: string;
  readonly octokit: Octokit;
}

/** The token, or the App and its installations. Credentials from files are read again when they change. */
@Injectable()
export class Credentials {
  readonly #log: { debug(text: string): void; info(text: string): void; warn(text: string): void; error(text: string): void };
  readonly #installations = new Map<string, number>();
  #token: { readonly value: string; readonly octokit: Octokit } | undefined;
  #app: { readonly key: string; readonly app: Promise<App> } | undefined;

  constructor(
    @Inject(CONFIG) private readonly config: Pick<Config, "GITHUB_API_URL" | "GITHUB_APP_ID">,
    private readonly live: LiveConfig,
  ) {
    const logger = new Logger("github");
    const debug = (text: string) => logger.debug(text);
    this.#log = { debug, info: debug, warn: debug, error: debug };
  }

  /** Identifies the credentials without revealing them. */
  get fingerprint(): string {
    const secret = this.live.githubToken ?? `${this.config.GITHUB_APP_ID} ${this.live.githubAppPrivateKey}`;
    return createHash("sha256").update(secret).digest("hex").slice(0, 16);
  }

  /** True if a token or an App is configured. */
  get exist(): boolean {
    return this.isApp || this.live.githubToken !== undefined;
  }

  get apiUrl(): string {
    return this.config.GITHUB_API_URL;
  }

  get isApp(): boolean {
    return this.config.GITHUB_APP_ID !== undefined;
  }

  /** @throws the error of octokit if the installation of the App cannot be read */
  async for(scope: Scope): Promise<Principal> {
    const token = this.live.githubToken;
    if (token !== undefined) {
      if (this.#token?.value !== token) this.#token = { value: token, octokit: new (this.#octokit())({ auth: token }) };
      return { name: "token", octokit: this.#token.octokit };
    }
    const app = await this.#currentApp();
    if (scope.kind === "app") return { name: "app", octokit: app.octokit };
    const installation = await this.#installation(app, scope);
    return { name: `installation:${installation}`, octokit: await app.getInstallationOctokit(installation) };
  }

  /** Forgets the installation of a scope, because the App may have been reinstalled. */
  forget(scope: Scope): void {
    if (scope.kind !== "app") this.#installations.delete(ownerOf(scope));
  }

  /** Forgets the installation tokens, which octokit caches for an hour, because GitHub may have revoked them. */
  forgetTokens(): void {
    this.#app = undefined;
  }

  async #installation(app: App, scope: Exclude<Scope, { kind: "app" }>): Promise<number> {
    const known = this.#installations.get(ownerOf(scope));
    if (known !== undefined) return known;
    const path = scope.kind === "org" ? `/orgs/${encodeURIComponent(scope.org)}/installation` : `${repositoryPath(scope)}/installation`;
    const { data } = await app.octokit.request(`GET ${path}`);
    const id = Number((data as { id?: unknown }).id);
    this.#installations.set(ownerOf(scope), id);
    return id;
  }

  async #currentApp(): Promise<App> {
    const key = this.live.githubAppPrivateKey;
    const appId = this.config.GITHUB_APP_ID;
    if (appId === undefined || key === undefined)
      throw new Error("no GitHub credentials; set GITHUB_TOKEN, or GITHUB_APP_ID with GITHUB_APP_PRIVATE_KEY");
    if (this.#app?.key !== key) {
      // Loaded on demand, because it imports OAuth and webhook libraries.
      const app = import("@octokit/app").then(
        (library) => new library.App({ appId, privateKey: key, Octokit: this.#octokit(), log: this.#log }) as unknown as App,
      );
      this.#app = { key, app };
    }
    return this.#app.app;
  }

  #octokit() {
    return Octokit.defaults({
      baseUrl: this.config.GITHUB_API_URL,
      userAgent: "octogauge",
      log: this.#log,
      request: { fetch: fetchInTime },
    });
  }
}

/** API path of a repository. Names come from payloads, so they are checked and encoded. */
export function repositoryPath({ owner, repo }: { readonly owner: string; readonly repo: string }): string {
  if (/^\.*$/.test(owner) || /^\.*$/.test(repo)) throw new GitHubError(`${owner}/${repo} is not a repository name`, "invalid", undefined);
  return `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repo)}`;
}

const ownerOf = (scope: Exclude<Scope, { kind: "app" }>): string => (scope.kind === "org" ? scope.org : scope.owner).toLowerCase();

/** Fails if the complete answer takes longer than the timeout. */
const fetchInTime = (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
  proxiedFetch(input, { ...init, signal: AbortSignal.timeout(REQUEST_TIMEOUT_SECONDS * 1_000) });
