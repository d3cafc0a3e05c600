import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export { sleep };

/** Asks until the answer is true. @throws after so many seconds, saying what was waited for */
export async function until(what: string, seconds: number, isSo: () => Promise<boolean> | boolean, everyMs = 50): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(everyMs);
  }
}

/** A port of the loopback that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message || String(error) : String(error));
