import type { Principal } from "./credentials.js";

/** The answer of a route. The server adds the common headers. */
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

/** An authorized request, as a route handler gets it. */
export interface Call {
  readonly principal: Principal;
  /** The API's base URL for this client, with `/api/v3` if used. Links start with it. */
  readonly base: string;
  readonly path: string;
  readonly query: URLSearchParams;
  /** The value of a path parameter. */
  param(name: string): string;
  /** The same as a number. NaN matches nothing. */
  number(name: string): number;
}

export interface Route {
  readonly method: "GET" | "POST";
  /** A path with parameters in braces, as in GitHub's documentation. */
  readonly pattern: string;
  /** The principals that may call it: the App with its JWT, an installation token, or any token. */
  readonly as: "app" | "installation" | "anyToken";
  handle(call: Call): Answer;
}

export const ok = (body: unknown, headers: Record<string, string> = {}): Answer => ({ status: 200, body, headers });

export function problem(status: number, message: string): Answer {
  return { status, body: { message, documentation_url: "https://docs.github.com/rest", status: String(status) } };
}

export const notFound = (): Answer => problem(404, "Not Found");

/** Answers 404 for undefined, as GitHub also does for objects that the client may not see. */
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
