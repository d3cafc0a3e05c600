import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";

export { sleep };

/** Polls until the condition is true. @throws after the timeout, with the name of the condition */
export async function until(what: string, seconds: number, condition: () => Promise<boolean> | boolean, everyMs = 50): Promise<void> {
  const end = performance.now() + seconds * 1_000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`${what}: not within ${seconds} s`);
    await sleep(everyMs);
  }
}

/** A free port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export const messageOf = (error: unknown): string => (error instanceof Error ? error.message || String(error) : String(error));
