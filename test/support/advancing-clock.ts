import { onTestFinished, vi } from "vitest";

/** `performance.now()` of this process, which the test can advance, so that caches expire at once. */
export function advancingClock(): { advance(byMs: number): void } {
  const now = performance.now.bind(performance);
  let aheadMs = 0;
  const spy = vi.spyOn(performance, "now").mockImplementation(() => now() + aheadMs);
  onTestFinished(() => spy.mockRestore());
  return { advance: (byMs) => void (aheadMs += byMs) };
}
