import { EnvHttpProxyAgent, fetch as undiciFetch } from "undici";

const PROXIES = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy"];

/** The agent for the variables as they are; it keeps connections, so it is made once. */
let made: { readonly variables: string; readonly agent: EnvHttpProxyAgent } | undefined;

/**
 * `fetch` through the proxy that HTTPS_PROXY or HTTP_PROXY names, except to the hosts of NO_PROXY. Node's own `fetch` reads
 * these variables only from 22.21 and 24.5 on, and only with NODE_USE_ENV_PROXY=1.
 */
export function proxiedFetch(input: string | URL | Request, init?: RequestInit): Promise<Response> {
  if (!PROXIES.some((name) => process.env[name])) return fetch(input, init);
  const variables = [...PROXIES, "NO_PROXY", "no_proxy"].map((name) => process.env[name]).join("\n");
  if (made?.variables !== variables) made = { variables, agent: new EnvHttpProxyAgent() };
  // The types of node and of the library are the same standard, declared twice.
  return undiciFetch(input as string, { ...init, dispatcher: made.agent } as never) as unknown as Promise<Response>;
}
