import { Injectable, Logger } from "@nestjs/common";
import { SpanKind } from "@opentelemetry/api";
import { end, now, Tracing } from "../tracing/index.js";
import { Credentials, type Principal, type Whose } from "./credentials.js";
import { GitHubError, judge, resetsIn } from "./failure.js";
import { GitHubMetrics } from "./github.metrics.js";
import { Limits } from "./limits.js";

/** One request. */
export interface GitHubRequest {
  /** Label of the metric: which part of Octogauge asks. */
  readonly purpose: string;
  readonly whose: Whose;
  /** Share (0 to 1) of the hourly limit that is to be left for others. */
  readonly reserve: number;
  readonly method?: "GET" | "POST";
  /** Below the API's root, or a whole URL that GitHub gave. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number>>;
  /** Asks only for what has changed since. */
  readonly etag?: string | undefined;
}

export interface GitHubResponse {
  readonly data: unknown;
  readonly etag: string | undefined;
  /** The next page, by its `Link`. */
  readonly next: string | undefined;
  /** By GitHub's clock. Milliseconds since 1970. */
  readonly answeredAt: number | undefined;
}

type ResponseHeaders = Readonly<Record<string, string | number | undefined>>;

/** Asks GitHub's REST API, within the limits that the whole fleet obeys. */
@Injectable()
export class GitHub {
  readonly #logger = new Logger("github");
  /** The fingerprint of the credentials that GitHub took last. */
  #accepted: string | undefined;

  constructor(
    private readonly credentials: Credentials,
    private readonly limits: Limits,
    private readonly metrics: GitHubMetrics,
    private readonly tracing: Tracing,
  ) {}

  /** Whether there is anybody to ask as. */
  get isConfigured(): boolean {
    return this.credentials.exist;
  }

  get isApp(): boolean {
    return this.credentials.isApp;
  }

  /**
   * @throws {GitHubError} `limited` without a request where a pause is on
   */
  async ask(question: GitHubRequest): Promise<GitHubResponse> {
    if (!this.tracing.isOn) return this.#ask(question);
    const { purpose, method = "GET", path } = question;
    const url = new URL(path.split("?", 1)[0]!.replace(/^\//, ""), `${this.credentials.apiUrl}/`);
    const attributes = { "http.request.method": method, "server.address": url.hostname, "url.full": url.href };
    const span = this.tracing.start(`GitHub ${purpose}`, { kind: SpanKind.CLIENT, attributes });
    try {
      const answer = await this.#ask(question);
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

  async #ask(question: GitHubRequest): Promise<GitHubResponse> {
    const { name: principal, octokit } = await this.#principal(question);
    await this.#mayAsk(principal, question.reserve);
    try {
      const { data, headers, url } = await octokit.request({
        method: question.method ?? "GET",
        url: this.#own(question.path),
        ...question.query,
        headers: question.etag === undefined ? {} : { "if-none-match": question.etag },
      });
      await this.#note(principal, headers);
      await this.#accept(principal);
      this.metrics.answered(question.purpose, "ok");
      return { data, etag: headers.etag, next: nextOf(headers.link, url), answeredAt: Date.parse(headers.date ?? "") || undefined };
    } catch (error) {
      throw await this.#failed(question, principal, error);
    }
  }

  async #principal(question: GitHubRequest): Promise<Principal> {
    // Whose installation it is and its token are asked for as the App.
    if (this.isApp) await this.#mayAsk("app", 0);
    try {
      return await this.credentials.for(question.whose);
    } catch (error) {
      const failure = await this.#failed(question, "app", error);
      // It says nothing about what was to be asked.
      throw failure.outcome === "gone"
        ? new GitHubError(`the App is not installed on ${nameOf(question.whose)}`, "not_installed", failure.status)
        : failure;
    }
  }

  /** A link is followed on GitHub's own host only: the credentials go with it. */
  #own(path: string): string {
    if (/^\/(?!\/)/.test(path)) return path;
    const origin = URL.canParse(path) ? new URL(path).origin : path;
    if (origin !== new URL(this.credentials.apiUrl).origin)
      throw new GitHubError(`GitHub's link leads elsewhere: ${origin}`, "invalid", 200);
    return path;
  }

  async #mayAsk(principal: string, reserve: number): Promise<void> {
    const wait = await this.limits.wait(principal, reserve, this.credentials.fingerprint);
    if (!wait) return;
    const ofCredentials = wait.reason === "credentials";
    const reason = ofCredentials ? "refused the credentials" : `allows no more for its ${wait.reason}`;
    const outcome = ofCredentials ? "unauthorized" : "limited";
    throw new GitHubError(
      `${principal}: GitHub ${reason}; nobody asks for another ${Math.ceil(wait.seconds)} s`,
      outcome,
      undefined,
      wait.seconds,
    );
  }

  /** Once for all that they are asked for. */
  async #accept(principal: string): Promise<void> {
    const { fingerprint } = this.credentials;
    if (this.#accepted === fingerprint) return;
    await this.limits.accepted(principal);
    this.#accepted = fingerprint;
  }

  async #note(principal: string, headers: ResponseHeaders): Promise<void> {
    const [limit, remaining] = [Number(headers["x-ratelimit-limit"]), Number(headers["x-ratelimit-remaining"])];
    // GitHub Enterprise Server sends none where rate limits are off.
    if (Number.isFinite(limit) && Number.isFinite(remaining))
      await this.limits.note(principal, { limit, remaining, resetsIn: resetsIn(headers) });
  }

  async #failed(question: GitHubRequest, principal: string, error: unknown): Promise<GitHubError> {
    if (error instanceof GitHubError) return error;
    const { status, headers, message } = httpErrorOf(error);
    if (status === undefined && !isFetchError(error)) throw error;
    const verdict = judge(status, headers, message);
    this.metrics.answered(question.purpose, verdict.outcome);
    // Those of a 401 are of whoever has no credentials.
    if (status !== undefined && status !== 401) await this.#note(principal, headers);
    if (verdict.outcome === "unauthorized") this.#accepted = undefined;
    if (verdict.outcome === "gone" || verdict.outcome === "unauthorized") this.credentials.forget(question.whose);
    if (verdict.outcome === "unauthorized") this.credentials.forgetTokens();
    let wait: number | undefined;
    if (verdict.pause) {
      wait = await this.limits.pause(principal, verdict.pause.reason, verdict.pause.seconds, this.credentials.fingerprint);
      this.#logger.warn(`${principal}: GitHub refused for its ${verdict.pause.reason} (${message}); nobody asks for ${Math.ceil(wait)} s`);
    }
    const said = `${question.method ?? "GET"} ${question.path.split("?", 1)[0]} ${status === undefined ? "was not answered" : `was answered ${status}`}: ${message}`;
    return new GitHubError(said, verdict.outcome, status, wait);
  }
}

const nameOf = (whose: Whose): string =>
  whose.kind === "org" ? whose.org : whose.kind === "repo" ? `${whose.owner}/${whose.repo}` : "GitHub";

function httpErrorOf(error: unknown): { status: number | undefined; headers: ResponseHeaders; message: string } {
  const { status, response, message } = error as { status?: unknown; response?: { headers?: ResponseHeaders }; message?: string };
  // Octokit gives what never was answered the status 500, without a response.
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

/** Whether it is of the network's or of the answer's making, not of ours. */
function isFetchError(error: unknown): boolean {
  const { name, status } = error as { name?: string; status?: unknown };
  return typeof status === "number" || name === "HttpError" || name === "TimeoutError" || name === "AbortError" || name === "SyntaxError";
}

/** The whole URL of `rel=next` in a `Link` header (RFC 8288), which may be relative to the page's. One that is none stays as it is. */
function nextOf(link: string | number | undefined, page: string): string | undefined {
  const next = /<([^>]*)>\s*;\s*rel\s*=\s*(?:"next"|next(?![^\s,;]))/i.exec(String(link ?? ""))?.[1];
  return next !== undefined && URL.canParse(next, page) ? new URL(next, page).href : next;
}
