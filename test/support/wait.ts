/** The timeout of every wait for a signal, long enough for a loaded machine. vitest.config.ts sets it for `expect.poll`. */
export const LIMIT_MS = 60_000;

/** Waits until the condition is true. @throws after LIMIT_MS, with the name of the condition */
export async function until(what: string | (() => string), condition: () => boolean | Promise<boolean>, intervalMs = 20): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${LIMIT_MS / 1_000} s: ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
