import type { ServerResponse } from "node:http";

/**
 * How a request fails: `secondary` is GitHub's secondary rate limit, `forbidden`
 * a missing permission, `server` a 502 with HTML from the load balancer,
 * `hang` no answer at all, `drop` a closed connection, `cut` a connection closed in the middle of the
 * answer, `garbage` a 200 whose body is not JSON.
 */
export type FaultKind = "secondary" | "forbidden" | "server" | "hang" | "drop" | "cut" | "garbage";

export interface FaultOptions {
  /** Matches paths without `/api/v3` and without the query. */
  readonly path?: RegExp;
  readonly method?: string;
  /** For `secondary`: the retry-after header in seconds. Default 1. */
  readonly retryAfter?: number;
  /** For `secondary`: GitHub uses both. Default 403. */
  readonly status?: 403 | 429;
}

export interface Fault {
  readonly kind: FaultKind;
  readonly options: FaultOptions;
}

/** The faults that have not occurred yet. */
export class Faults {
  #planned: { readonly fault: Fault; left: number }[] = [];

  /** Fails the next `count` matching requests. Faults planned earlier come first. */
  plan(count: number, kind: FaultKind, options: FaultOptions): void {
    this.#planned.push({ fault: { kind, options }, left: count });
  }

  clear(): void {
    this.#planned = [];
  }

  /** Takes the fault for this request. */
  take(method: string, path: string): Fault | undefined {
    const planned = this.#planned.find(({ fault: { options } }) => {
      return (options.method ?? method) === method && (options.path === undefined || path.search(options.path) >= 0);
    });
    if (!planned) return undefined;
    planned.left -= 1;
    if (planned.left <= 0) this.#planned.splice(this.#planned.indexOf(planned), 1);
    return planned.fault;
  }
}

/** Answers as the fault says. @returns the status that was sent, 0 for none */
export function applyFault(fault: Fault, response: ServerResponse, headers: Record<string, string>): number {
  const send = (status: number, type: string, body: string, more: Record<string, string> = {}) => {
    response.writeHead(status, { ...headers, "content-type": type, ...more }).end(body);
    return status;
  };
  switch (fault.kind) {
    case "secondary": {
      const message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.";
      const body = JSON.stringify({ message, documentation_url: "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api" });
      const { status = 403, retryAfter = 1 } = fault.options;
      return send(status, "application/json; charset=utf-8", body, { "retry-after": String(retryAfter) });
    }
    case "forbidden":
      return send(403, "application/json; charset=utf-8", '{"message": "Resource not accessible by personal access token"}');
    case "server":
      return send(502, "text/html", "<html><head><title>Unicorn!</title></head><body>502 Bad Gateway</body></html>");
    case "garbage":
      return send(200, "application/json; charset=utf-8", '[{"id": 1, "guid": "0b98');
    case "cut":
      response.writeHead(200, { ...headers, "content-type": "application/json", "content-length": "1000" });
      response.write("[", () => response.destroy());
      return 200;
    case "drop":
      response.destroy();
      return 0;
    case "hang":
      return 0;
  }
}
