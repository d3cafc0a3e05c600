import type { Principal } from "./credentials.js";

/** What a route answers; the server adds the headers that all answers have. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** A request that is allowed to be here, as a route sees it. */
export interface Call {
  readonly principal: Principal;
  /** Where the caller thinks that the API is, `/api/v3` included: what links begin with. */
  readonly base: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The part of the path that the pattern has in braces. */
  param(name: string): string;
  /** The same as a number; NaN when it is none, which no map holds. */
  number(name: string): number;
}

export interface Route {
  readonly method: "GET" | "POST";
  /** A path with parameters in braces, as GitHub's documentation writes it. */
  readonly pattern: string;
  /** Who may come: the app with its JWT, an installation's token, or any token. */
  readonly as: "app" | "installation" | "anyToken";
  handle(call: Call): Answer;
}

export const ok = (body: unknown, headers: Record<string, string> = {}): Answer => ({ status: 200, body, headers });

export function problem(status: number, message: string): Answer {
  return { status, body: { message, documentation_url: "https://docs.github.com/rest", status: String(status) } };
}

export const notFound = (): Answer => problem(404, "Not Found");

/** What is undefined was not found, as GitHub says also of what the caller may not see. */
export const okOrNotFound = (body: unknown): Answer => (body === undefined ? notFound() : ok(body));

export interface Match {
  readonly route: Route;
  readonly params: Readonly<Record<string, string>>;
}

/** Finds the route of a request. */
export class Router {
  readonly #routes: readonly { readonly route: Route; readonly expression: RegExp }[];

  constructor(routes: readonly Route[]) {
    this.#routes = routes.map((route) => ({
      route,
      expression: new RegExp(`^${route.pattern.replaceAll(/\{(\w+)\}/g, "(?<$1>[^/]+)")}$`),
    }));
  }

  match(method: string, path: string): Match | undefined {
    for (const { route, expression } of this.#routes) {
      const found = route.method === method ? expression.exec(path) : null;
      if (!found) continue;
      const params = Object.entries(found.groups ?? {}).map(([name, value]) => [name, decodeURIComponent(value)]);
      return { route, params: Object.fromEntries(params) as Record<string, string> };
    }
    return undefined;
  }
}
