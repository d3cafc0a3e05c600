import { Logger } from "@nestjs/common";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { BackgroundLoop, type Outcome } from "../../src/background/background-loop.js";

/** Returns its outcomes in order, then rests forever, and records the start of each round. */
class Script extends BackgroundLoop {
  readonly startedMs: number[] = [];

  constructor(
    private readonly outcomes: (Outcome | Error)[],
    ready = Promise.resolve(),
  ) {
    super("test/script", 10, ready);
  }

  async runOnce(): Promise<Outcome> {
    this.startedMs.push(performance.now());
    const outcome = this.outcomes.shift() ?? { restSeconds: 1_000_000 };
    if (outcome instanceof Error) throw outcome;
    return outcome;
  }
}

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  Logger.overrideLogger(false);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

async function pausesMs(...outcomes: (Outcome | Error)[]): Promise<number[]> {
  const loop = new Script([...outcomes]);
  loop.start();
  await vi.advanceTimersByTimeAsync(100_000);
  await loop.stop();
  return loop.startedMs.slice(1).map((startedMs, index) => startedMs - loop.startedMs[index]!);
}

it("`again` starts the next round at once, `idle` after the interval, `restSeconds` after that many seconds", async () => {
  expect(await pausesMs("again", "idle", { restSeconds: 3 })).toEqual([0, 10_000, 3_000]);
});

it("failed rounds have a backoff that doubles up to 2 s and starts again after a success", async () => {
  const failure = new Error("away");
  const pauses = await pausesMs(...Array.from({ length: 7 }, () => failure), "again", failure);
  expect(pauses).toEqual([50, 100, 200, 400, 800, 1_000, 1_000, 0, 50]);
});

it("the end of the first module ends the rounds of all loops of the application", async () => {
  const ready = Promise.resolve();
  const first = new Script([{ restSeconds: 60 }], ready);
  const second = new Script(
    Array.from({ length: 9 }, () => ({ restSeconds: 1 })),
    ready,
  );
  first.start();
  second.start();
  await vi.advanceTimersByTimeAsync(1_500);
  await first.onModuleDestroy();
  await vi.advanceTimersByTimeAsync(60_000);
  expect(second.startedMs).toHaveLength(2);
});

it("a stop request ends a rest", async () => {
  const loop = new Script([{ restSeconds: 60 }]);
  loop.start();
  await vi.advanceTimersByTimeAsync(1_000);
  await loop.stop();
  expect(loop.startedMs).toHaveLength(1);
});
