import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type Credentials, anonymous, type Principal, type PrincipalName } from "./credentials.js";
import { type Faults, applyFault } from "./faults.js";
import type { RateLimits } from "./rate-limits.js";
import { type Answer, type Match, notFound, problem, type Router } from "./route.js";

/** A received request, for assertions. */
export interface ApiRequest {
  readonly method: string;
  /** Without `/api/v3` and the query. */
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly principal: PrincipalName;
  /** 0 without an answer. */
  readonly status: number;
}

/** The API path of GitHub Enterprise Server. This server answers at both paths. */
const PREFIX = "/api/v3";

/** HTTP of the API: authentication, authorization, rate limits and common headers. */
export class ApiServer {
  readonly requests: ApiRequest[] = [];
  /** Requests without a route. */
  readonly unexpected: ApiRequest[] = [];
  readonly #server: Server;

  constructor(
    private readonly router: Router,
    private readonly credentials: Credentials,
    private readonly limits: RateLimits,
    private readonly faults: Faults,
  ) {
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => this.#server.once("error", reject).listen(0, "127.0.0.1", resolve));
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Closes all connections, also hanging ones. */
  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    request.resume();
    const { method = "GET" } = request;
    const url = new URL(request.url ?? "/", "http://localhost");
    const isEnterprise = url.pathname.startsWith(`${PREFIX}/`);
    const path = isEnterprise ? url.pathname.slice(PREFIX.length) : url.pathname;
    const base = isEnterprise ? `${this.url}${PREFIX}` : this.url;
    const identified = this.credentials.identify(request.headers.authorization);
    const principal = typeof identified === "string" ? anonymous : identified;
    const match = this.router.match(method, path);
    const note = (status: number) => {
      const noted = { method, path, query: Object.fromEntries(url.searchParams), principal: principal.name, status };
      this.requests.push(noted);
      if (!match) this.unexpected.push(noted);
    };

    const fault = this.faults.take(method, path);
    if (fault) {
      note(applyFault(fault, response, this.#headers(principal.name)));
      return;
    }
    const refusal = this.#refusal(request, identified, principal, match);
    const call = { principal, base, path, query: url.searchParams, param, number: (name: string) => Number(param(name)) };
    function param(name: string): string {
      const value = match?.params[name];
      if (value === undefined) throw new Error(`${match?.route.pattern} has no {${name}}`);
      return value;
    }
    const answer = refusal ?? match?.route.handle(call) ?? notFound();
    note(this.#send(request, response, principal.name, answer));
  }

  /** The error answer of a request, or undefined if it may proceed. */
  #refusal(request: IncomingMessage, identified: Principal | string, principal: Principal, match: Match | undefined): Answer | undefined {
    if (!request.headers["user-agent"]) return problem(403, "Request forbidden by administrative rules. Please send a User-Agent header");
    if (typeof identified === "string") return problem(401, identified);
    if (this.limits.of(principal.name).remaining === 0) return problem(403, `API rate limit exceeded for ${principal.name}.`);
    if (!match) return notFound();
    const { as } = match.route;
    const isApp = principal.name === "app";
    if (as === "app" && !isApp) return problem(401, "A JSON web token could not be decoded");
    if (as !== "app" && isApp) return problem(401, "Requires authentication");
    if (as === "installation" && principal.account === undefined) {
      return problem(403, "You must authenticate with an installation access token in order to list repositories for an installation.");
    }
    return undefined;
  }

  #headers(principal: PrincipalName): Record<string, string> {
    return {
      "x-github-request-id": randomBytes(8).toString("hex").toUpperCase(),
      "x-github-media-type": "github.v3; format=json",
      ...this.limits.headers(principal),
    };
  }

  #send(request: IncomingMessage, response: ServerResponse, principal: PrincipalName, answer: Answer): number {
    const text = JSON.stringify(answer.body);
    const etag = `W/"${createHash("sha1").update(text).digest("hex")}"`;
    const isKnown = request.method === "GET" && answer.status === 200 && request.headers["if-none-match"] === etag;
    if (!isKnown) this.limits.charge(principal);
    const status = isKnown ? 304 : answer.status;
    const type: Record<string, string> = isKnown ? {} : { "content-type": "application/json; charset=utf-8" };
    response.writeHead(status, { ...this.#headers(principal), etag, ...answer.headers, ...type });
    response.end(isKnown ? undefined : text);
    return status;
  }
}
