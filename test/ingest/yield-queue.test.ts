import { setImmediate as iteration } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { YieldQueue } from "../../src/ingest/yield-queue.js";

/** How many entries each iteration of the event loop resolves. */
async function throughEach(queue: YieldQueue, waiting: number, count: number): Promise<{ each: number[]; order: number[] }> {
  const order: number[] = [];
  for (let index = 0; index < waiting; index += 1) void queue.next().then(() => order.push(index));
  const each: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const before = order.length;
    await iteration();
    each.push(order.length - before);
  }
  return { each, order };
}

describe("YieldQueue", () => {
  it("resolves a sixteenth per iteration, at least 128, in order", async () => {
    const { each, order } = await throughEach(new YieldQueue(), 4_000, 4);
    expect(each).toEqual([250, 235, 220, 206]);
    expect(order).toEqual(order.map((_, index) => index));
    expect((await throughEach(new YieldQueue(), 300, 4)).each).toEqual([128, 128, 44, 0]);
  });

  it("resolves only a few in an iteration that was shortened while entries waited, and only in that one", async () => {
    const queue = new YieldQueue();
    queue.shorten();
    const order: number[] = [];
    for (let index = 0; index < 4_000; index += 1) void queue.next().then(() => order.push(index));
    queue.shorten();
    await iteration();
    expect(order).toHaveLength(32);
    await iteration();
    expect(order).toHaveLength(32 + 248);
  });

  it("resolves a quarter per iteration after a second, also in shortened iterations", async () => {
    const queue = new YieldQueue();
    let through = 0;
    for (let index = 0; index < 4_000; index += 1) void queue.next().then(() => (through += 1));
    const until = performance.now() + 1_000;
    while (performance.now() < until);
    queue.shorten();
    await iteration();
    expect(through).toBe(1_000);
    queue.shorten();
    await iteration();
    expect(through).toBe(1_750);
  });

  it("continues with new entries after it was empty", async () => {
    const queue = new YieldQueue();
    await queue.next();
    await queue.next();
    expect((await throughEach(queue, 2, 1)).each).toEqual([2]);
  });
});
