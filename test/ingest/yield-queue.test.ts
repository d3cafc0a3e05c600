import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { YieldQueue } from "../../src/ingest/yield-queue.js";

// The test controls the event loop and its clock, so a turn does not depend on the machine.
beforeEach(() => vi.useFakeTimers({ toFake: ["setImmediate", "clearImmediate", "performance"] }));
afterEach(() => void vi.useRealTimers());

const turn = () => vi.advanceTimersToNextTimerAsync();

/** Adds this many waiters. @returns their numbers, in the order in which they continue */
function wait(turns: YieldQueue, count: number): number[] {
  const order: number[] = [];
  for (let index = 0; index < count; index += 1) void turns.next().then(() => order.push(index));
  return order;
}

/** The number of waiters that continue in each of this many turns. */
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
  it("continues a sixteenth of the waiters per turn, at least 128, in order", async () => {
    const many = wait(new YieldQueue(), 4_000);
    expect(await throughEach(many, 4)).toEqual([250, 235, 220, 206]);
    expect(many).toEqual(many.map((_, index) => index));
  });

  it("continues all waiters if there are few", async () => {
    expect(await throughEach(wait(new YieldQueue(), 300), 3)).toEqual([128, 128, 44]);
  });

  it("continues only a few waiters in a turn shortened while deliveries wait, and only in that turn", async () => {
    const turns = new YieldQueue();
    turns.shorten();
    const order = wait(turns, 4_000);
    turns.shorten();
    expect(await throughEach(order, 2)).toEqual([32, 248]);
  });

  it("continues a quarter per turn once the waiters have waited for a second, however often turns are shortened", async () => {
    const turns = new YieldQueue();
    const order = wait(turns, 4_000);
    const later = vi.spyOn(performance, "now").mockReturnValue(performance.now() + 1_000);
    turns.shorten();
    expect(await throughEach(order, 1)).toEqual([1_000]);
    turns.shorten();
    expect(await throughEach(order, 1)).toEqual([750]);
    later.mockRestore();
  });

  it("continues with new waiters after it was empty", async () => {
    const turns = new YieldQueue();
    for (let round = 0; round < 2; round += 1) expect(await throughEach(wait(turns, 1), 1)).toEqual([1]);
    expect(await throughEach(wait(turns, 2), 1)).toEqual([2]);
  });
});
