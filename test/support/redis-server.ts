import { createClient } from "@redis/client";
import { isInstalled, ServerProcess } from "./server-process.js";

export const hasRedis = isInstalled("redis-server");

/** A Redis server with an append-only file, not started yet. */
export async function prepareRedis(settings: Readonly<Record<string, string>> = {}) {
  const server = await ServerProcess.prepare("redis-server", (port, directory) => {
    const all = { port, dir: directory, bind: "127.0.0.1", appendonly: "yes", save: "", ...settings };
    return Object.entries(all).flatMap(([name, value]) => [`--${name}`, String(value)]);
  });
  const url = `redis://127.0.0.1:${server.port}`;
  const ask = async <T>(...args: string[]): Promise<T> => {
    const client = createClient({ url });
    client.on("error", () => undefined);
    await client.connect();
    const answer = await client.sendCommand<T>(args);
    client.destroy();
    return answer;
  };
  return {
    kind: "redis" as const,
    server,
    ask,
    environment: { BUFFER: "redis", REDIS_URL: url },
    /** Deletes everything, including the consumer groups. */
    wipe: async () => void (await ask("FLUSHALL")),
    /** Adds a message that is not a delivery. */
    junk: async () => void (await ask("XADD", "octogauge", "*", "Body", "junk")),
  };
}
