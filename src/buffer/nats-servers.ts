import type { ConnectionOptions } from "@nats-io/transport-node";

/** What the client takes of addresses: it reads no credentials in them, so those of the first go for all. */
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
