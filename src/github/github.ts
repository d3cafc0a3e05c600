import { Injectable, Logger } from "@nestjs/common";
import { SpanKind } from "@opentelemetry/api";
import { end, now, Tracing } from "../tracing/index.js";
import { Credentials, type Principal, type Scope } from "./credentials.js";
import { classify, GitHubError, resetsIn } from "./failure.js";
import { GitHubMetrics } from "./github.metrics.js";
import { Limits } from "./limits.js";

/** A request to GitHub's REST API. */
export interface GitHubRequest {
  /** Label of the metric: the part of Octogauge that sends the request. */
  readonly purpose: string;
  readonly scope: Scope;
  /** Share (0 to 1) of the hourly limit to leave for other clients. */
  readonly reserve: number;
  readonly method?: "GET" | "POST";
  /** A path below the API's root, or an absolute URL from GitHub. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>>;
  /** Makes the request conditional: unchanged data gives the outcome `not_modified`. */
  readonly etag?: string | undefined;
}

export interface GitHubResponse {
  readonly data: unknown;
  readonly etag: string | undefined;
  /** URL of the next page, from the `Link` header. */
  readonly next: string | undefined;
  /** Milliseconds since 1970, by GitHub's clock. */
  readonly answeredAt: number | undefined;
}

type ResponseHeaders = Readonly<Record<string, string | number | undefined>>;

/** Sends requests to GitHub's REST API, within the rate limits of the whole fleet. */
@Injectable()
export class GitHub {
  readonly #logger = new Logger("github");
  /** Fingerprint of the credentials that GitHub accepted last. */
  #acceptedFingerprint: string | undefined;

  constructor(
    private readonly credentials: Credentials,
    private readonly limits: Limits,
    private readonly metrics: GitHubMetrics,
    private readonly tracing: Tracing,
  ) {}

  /** True if there are credentials. */
  get isConfigured(): boolean {
    return this.credentials.exist;
  }

  get isApp(): boolean {
    return this.credentials.isApp;
  }

  /** @throws {GitHubError} during a pause, `limited` or `unauthorized` without sending the request */
  async ask(request: GitHubRequest): Promise<GitHubResponse> {
    if (!this.tracing.isOn) return this.#ask(request);
    const { purpose, method = "GET", path } = request;
    const url = new URL(path.split("?", 1)[0]!.replace(/^\//, ""), `${this.credentials.apiUrl}/`);
    const attributes = { "http.request.method": method, "server.address": url.hostname, "url.full": url.href };
    const span = this.tracing.start(`GitHub ${purpose}`, { kind: SpanKind.CLIENT, attributes });
    try {
      const answer = await this.#ask(request);
      span.setAttribute("octogauge.outcome", "ok");
      end(span);
      return answer;
    } catch (error) {
      if (error instanceof GitHubError) {
        span.setAttribute("octogauge.outcome", error.outcome);
        if (error.status !== undefined) span.setAttribute("http.response.status_code", error.status);
      }
      end(span, now(), error);
      throw error;
    }
  }

  async #ask(request: GitHubRequest): Promise<GitHubResponse> {
    const { name: principal, octokit } = await this.#principal(request);
    await this.#mayAsk(principal, request.reserve);
    try {
      const { data, headers, url } = await octokit.request({
        method: request.method ?? "GET",
        url: this.#checkedUrl(request.path),
        ...request.query,
        headers: request.etag === undefined ? {} : { "if-none-match": request.etag },
      });
      await this.#note(principal, headers);
      await this.#accept(principal);
      this.metrics.answered(request.purpose, "ok");
      return { data, etag: headers.etag, next: nextOf(headers.link, url), answeredAt: Date.parse(headers.date ?? "") || undefined };
    } catch (error) {
      throw await this.#failed(request, principal, error);
    }
  }

  async #principal(request: GitHubRequest): Promise<Principal> {
    // The App itself requests the installation and its token.
    if (this.isApp) await this.#mayAsk("app", 0);
    try {
      return await this.credentials.for(request.scope);
    } catch (error) {
      const failure = await this.#failed(request, "app", error);
      // "gone" refers to the installation, not to the requested path.
      throw failure.outcome === "gone"
        ? new GitHubError(`the App is not installed on ${nameOf(request.scope)}`, "not_installed", failure.status)
        : failure;
    }
  }

  /** Follows links only to GitHub's own origin, because requests carry the credentials. */
  #checkedUrl(path: string): string {
    if (/^\/(?!\/)/.test(path)) return path;
    const origin = URL.canParse(path) ? new URL(path).origin : path;
    if (origin !== new URL(this.credentials.apiUrl).origin)
      throw new GitHubError(`GitHub's link leads to another host: ${origin}`, "invalid", 200);
    return path;
  }

  async #mayAsk(principal: string, reserve: number): Promise<void> {
    const wait = await this.limits.wait(principal, reserve, this.credentials.fingerprint);
    if (!wait) return;
    const isCredentials = wait.reason === "credentials";
    const reason = isCredentials ? "refused the credentials" : `allows no more requests (${wait.reason})`;
    const outcome = isCredentials ? "unauthorized" : "limited";
    throw new GitHubError(
      `${principal}: GitHub ${reason}; all replicas pause for another ${Math.ceil(wait.seconds)} s`,
      outcome,
      undefined,
      wait.seconds,
    );
  }

  /** Ends a pause for earlier credentials, once per credentials. */
  async #accept(principal: string): Promise<void> {
    const { fingerprint } = this.credentials;
    if (this.#acceptedFingerprint === fingerprint) return;
    await this.limits.accepted(principal);
    this.#acceptedFingerprint = fingerprint;
  }

  async #note(principal: string, headers: ResponseHeaders): Promise<void> {
    const [limit, remaining] = [Number(headers["x-ratelimit-limit"]), Number(headers["x-ratelimit-remaining"])];
    // GitHub Enterprise Server without rate limits sends no such headers.
    if (Number.isFinite(limit) && Number.isFinite(remaining))
      await this.limits.note(principal, { limit, remaining, resetsIn: resetsIn(headers) });
  }

  async #failed(request: GitHubRequest, principal: string, error: unknown): Promise<GitHubError> {
    if (error instanceof GitHubError) return error;
    const { status, headers, message } = httpErrorOf(error);
    if (status === undefined && !isFetchError(error)) throw error;
    const verdict = classify(status, headers, message);
    this.metrics.answered(request.purpose, verdict.outcome);
    // The headers of a 401 belong to unauthenticated clients.
    if (status !== undefined && status !== 401) await this.#note(principal, headers);
    if (verdict.outcome === "unauthorized") this.#acceptedFingerprint = undefined;
    if (verdict.outcome === "gone" || verdict.outcome === "unauthorized") this.credentials.forget(request.scope);
    if (verdict.outcome === "unauthorized") this.credentials.forgetTokens();
    let wait: number | undefined;
    if (verdict.pause) {
      wait = await this.limits.pause(principal, verdict.pause.reason, verdict.pause.seconds, this.credentials.fingerprint);
      this.#logger.warn(
        `${principal}: GitHub refused a request (${verdict.pause.reason}: ${message}); all replicas pause for ${Math.ceil(wait)} s`,
      );
    }
    const text = `${request.method ?? "GET"} ${request.path.split("?", 1)[0]} ${status === undefined ? "was not answered" : `was answered ${status}`}: ${message}`;
    return new GitHubError(text, verdict.outcome, status, wait);
  }
}

const nameOf = (scope: Scope): string =>
  scope.kind === "org" ? scope.org : scope.kind === "repo" ? `${scope.owner}/${scope.repo}` : "GitHub";

function httpErrorOf(error: unknown): { status: number | undefined; headers: ResponseHeaders; message: string } {
  const { status, response, message } = error as { status?: unknown; response?: { headers?: ResponseHeaders }; message?: string };
  // Without an answer, octokit sets status 500 but no response.
  const answered = typeof status === "number" && response !== undefined;
  return {
    status: answered ? status : undefined,
    headers: response?.headers ?? {},
    message:
      String(message ?? error)
        .split("\n", 1)[0]
        ?.slice(0, 300) ?? "",
  };
}

/** True if the network or the answer caused the error, not our code. */
function isFetchError(error: unknown): boolean {
  const { name, status } = error as { name?: string; status?: unknown };
  return typeof status === "number" || name === "HttpError" || name === "TimeoutError" || name === "AbortError" || name === "SyntaxError";
}

/** The absolute URL of `rel=next` in a `Link` header (RFC 8288), which may be relative to the page. An invalid URL stays unchanged. */
function nextOf(link: string | number | undefined, page: string): string | undefined {
  const next = /<([^>]*)>\s*;\s*rel\s*=\s*(?:"next"|next(?![^\s,;]))/i.exec(String(link ?? ""))?.[1];
  return next !== undefined && URL.canParse(next, page) ? new URL(next, page).href : next;
}
