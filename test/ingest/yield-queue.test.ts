import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { YieldQueue } from "../../src/ingest/yield-queue.js";

// The event loop and its clock are the test's own: a turn is a step of it, whatever the machine does.
beforeEach(() => vi.useFakeTimers({ toFake: ["setImmediate", "clearImmediate", "performance"] }));
afterEach(() => void vi.useRealTimers());

const turn = () => vi.advanceTimersToNextTimerAsync();

/** Lets so many wait. @returns their numbers, in the order in which they were let through */
function wait(turns: YieldQueue, count: number): number[] {
  const order: number[] = [];
  for (let index = 0; index < count; index += 1) void turns.next().then(() => order.push(index));
  return order;
}

/** How many were let through in each of so many turns. */
async function throughEach(order: readonly number[], count: number): Promise<number[]> {
  const each: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const before = order.length;
    await turn();
    each.push(order.length - before);
  }
  return each;
}

describe("YieldQueue", () => {
  it("lets a sixteenth through in a turn, and at least 128, in their order", async () => {
    const many = wait(new YieldQueue(), 4_000);
    expect(await throughEach(many, 4)).toEqual([250, 235, 220, 206]);
    expect(many).toEqual(many.map((_, index) => index));
  });

  it("lets all through where few wait", async () => {
    expect(await throughEach(wait(new YieldQueue(), 300), 3)).toEqual([128, 128, 44]);
  });

  it("lets only few through in a turn that was shortened while deliveries waited, and in that alone", async () => {
    const turns = new YieldQueue();
    turns.shorten();
    const order = wait(turns, 4_000);
    turns.shorten();
    expect(await throughEach(order, 2)).toEqual([32, 248]);
  });

  it("lets a quarter through in each turn once they have waited for a second, however often turns are shortened", async () => {
    const turns = new YieldQueue();
    const order = wait(turns, 4_000);
    const later = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 1_000);
    turns.shorten();
    expect(await throughEach(order, 1)).toEqual([1_000]);
    turns.shorten();
    expect(await throughEach(order, 1)).toEqual([750]);
    later.mockRestore();
  });

  it("goes on when more come after it was empty", async () => {
    const turns = new YieldQueue();
    for (let round = 0; round < 2; round += 1) expect(await throughEach(wait(turns, 1), 1)).toEqual([1]);
    expect(await throughEach(wait(turns, 2), 1)).toEqual([2]);
  });
});
