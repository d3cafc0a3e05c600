export class TimedOut extends Error {
  override readonly name = "TimedOut";
}

/**
 * Waits for `work`. A time-out ends the wait, not the work.
 * @param signal ends the wait early, as a time-out does
 * @throws {TimedOut} with `message`
 */
export async function withTimeout<T>(timeoutMs: number, work: Promise<T>, message: string, signal?: AbortSignal): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  let giveUp = (): void => undefined;
  const late = new Promise<never>((_, reject) => {
    giveUp = () => reject(new TimedOut(message));
    timer = setTimeout(giveUp, Math.max(0, timeoutMs));
    if (signal?.aborted) giveUp();
    signal?.addEventListener("abort", giveUp);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
  }
}
