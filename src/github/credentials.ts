import { createHash } from "node:crypto";
import type { App } from "@octokit/app";
import { Octokit } from "@octokit/core";
import { Inject, Injectable, Logger } from "@nestjs/common";
import { CONFIG, type Config, type Hook, LiveConfig } from "../config/index.js";
import { GitHubError } from "./failure.js";
import { proxiedFetch } from "./proxied-fetch.js";

/** Seconds that GitHub may take for one answer. */
const REQUEST_SECONDS = 20;

/** On whose behalf something is asked: the App itself, or whoever may see this owner or repository. */
export type Whose = Hook["scope"];

/** Somebody whom GitHub knows and counts requests for. */
export interface Principal {
  readonly name: string;
  readonly octokit: Octokit;
}

/** Who asks: the token, or the App and its installations. Credentials from a file are taken as they are now. */
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
    const say = (text: string) => logger.debug(text);
    this.#log = { debug: say, info: say, warn: say, error: say };
  }

  /** Tells them from others without saying what they are. */
  get fingerprint(): string {
    const secret = this.live.githubToken ?? `${this.config.GITHUB_APP_ID} ${this.live.githubAppPrivateKey}`;
    return createHash("sha256").update(secret).digest("hex").slice(0, 16);
  }

  /** Whether there are any. */
  get exist(): boolean {
    return this.isApp || this.live.githubToken !== undefined;
  }

  get apiUrl(): string {
    return this.config.GITHUB_API_URL;
  }

  get isApp(): boolean {
    return this.config.GITHUB_APP_ID !== undefined;
  }

  /** @throws what octokit throws, where the App's installation cannot be looked up */
  async for(whose: Whose): Promise<Principal> {
    const token = this.live.githubToken;
    if (token !== undefined) {
      if (this.#token?.value !== token) this.#token = { value: token, octokit: new (this.#octokit())({ auth: token }) };
      return { name: "token", octokit: this.#token.octokit };
    }
    const app = await this.#currentApp();
    if (whose.kind === "app") return { name: "app", octokit: app.octokit };
    const installation = await this.#installation(app, whose);
    return { name: `installation:${installation}`, octokit: await app.getInstallationOctokit(installation) };
  }

  /** Forgets whose installation that was: the App may have been installed anew. */
  forget(whose: Whose): void {
    if (whose.kind !== "app") this.#installations.delete(ownerOf(whose));
  }

  /** Forgets the tokens of installations that octokit keeps for an hour: GitHub may have taken them away. */
  forgetTokens(): void {
    this.#app = undefined;
  }

  async #installation(app: App, whose: Exclude<Whose, { kind: "app" }>): Promise<number> {
    const known = this.#installations.get(ownerOf(whose));
    if (known !== undefined) return known;
    const path = whose.kind === "org" ? `/orgs/${encodeURIComponent(whose.org)}/installation` : `${repositoryPath(whose)}/installation`;
    const { data } = await app.octokit.request(`GET ${path}`);
    const id = Number((data as { id?: unknown }).id);
    this.#installations.set(ownerOf(whose), id);
    return id;
  }

  async #currentApp(): Promise<App> {
    const key = this.live.githubAppPrivateKey;
    const appId = this.config.GITHUB_APP_ID;
    if (appId === undefined || key === undefined) throw new Error("there are no GitHub credentials");
    if (this.#app?.key !== key) {
      // It brings OAuth and webhook libraries that nobody else needs.
      const made = import("@octokit/app").then(
        (library) => new library.App({ appId, privateKey: key, Octokit: this.#octokit(), log: this.#log }) as unknown as App,
      );
      this.#app = { key, app: made };
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

/** Where the API has a repository; payloads are not trusted to name it in URL characters. */
export function repositoryPath({ owner, repo }: { readonly owner: string; readonly repo: string }): string {
  if (/^\.*$/.test(owner) || /^\.*$/.test(repo)) throw new GitHubError(`${owner}/${repo} is no repository's name`, "invalid", undefined);
  return `/repos/${encodeURIComponent(owner)}/${encodeURIComponent(repo)}`;
}

const ownerOf = (whose: Exclude<Whose, { kind: "app" }>): string => (whose.kind === "org" ? whose.org : whose.owner).toLowerCase();

/** An answer that does not come, or stops coming, is an error. */
const fetchInTime = (input: string | URL | Request, init?: RequestInit): Promise<Response> =>
  proxiedFetch(input, { ...init, signal: AbortSignal.timeout(REQUEST_SECONDS * 1_000) });
