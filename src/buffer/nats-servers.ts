import type { ConnectionOptions } from "@nats-io/transport-node";

/** Converts URLs to client options. The client ignores credentials in addresses, so the first ones apply to all servers. */
export function serversOf(urls: readonly string[]): Pick<ConnectionOptions, "user" | "pass" | "token" | "tls"> & { servers: string[] } {
  const parsed = urls.map((url) => new URL(url));
  const servers = parsed.map(({ hostname, port }) => `${hostname}:${port || "4222"}`);
  const { username = "", password = "" } = parsed.find((url) => url.username) ?? {};
  const [user, pass] = [decodeURIComponent(username), decodeURIComponent(password)];
  return {
    servers,
    ...(user && pass ? { user, pass } : user ? { token: user } : {}),
    ...(parsed.some(({ protocol }) => protocol === "tls:") ? { tls: {} } : {}),
  };
}
