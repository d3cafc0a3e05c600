/** The one limit of every wait for a signal: generous on a loaded machine. `expect.poll` has it by vitest.config.ts. */
export const LIMIT_MS = 60_000;

/** Waits until the condition holds. @throws after LIMIT_MS, with what did not happen */
export async function until(what: string | (() => string), condition: () => boolean | Promise<boolean>, intervalMs = 20): Promise<void> {
  const deadline = performance.now() + LIMIT_MS;
  while (!(await condition())) {
    if (performance.now() > deadline) {
      throw new Error(`not within ${LIMIT_MS / 1_000} s: ${typeof what === "string" ? what : what()}`);
    }
    await new Promise((resolve) => setTimeout(resolve, intervalMs));
  }
}
