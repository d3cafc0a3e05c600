import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { Turns } from "../../src/ingest/turns.js";

/** How many were let through in each of so many turns. */
async function throughEach(turns: Turns, waiting: number, count: number): Promise<{ each: number[]; order: number[] }> {
  const order: number[] = [];
  for (let index = 0; index < waiting; index += 1) void turns.next().then(() => order.push(index));
  const each: number[] = [];
  for (let index = 0; index < count; index += 1) {
    const before = order.length;
    await turn();
    each.push(order.length - before);
  }
  return { each, order };
}

describe("Turns", () => {
  it("lets a sixteenth through in a turn, and at least 128, in their order", async () => {
    const { each, order } = await throughEach(new Turns(), 4_000, 4);
    expect(each).toEqual([250, 235, 220, 206]);
    expect(order).toEqual(order.map((_, index) => index));
    expect((await throughEach(new Turns(), 300, 4)).each).toEqual([128, 128, 44, 0]);
  });

  it("lets only few through in a turn that was shortened while somebody waited, and in that alone", async () => {
    const turns = new Turns();
    turns.shorten();
    const order: number[] = [];
    for (let index = 0; index < 4_000; index += 1) void turns.next().then(() => order.push(index));
    turns.shorten();
    await turn();
    expect(order).toHaveLength(32);
    await turn();
    expect(order).toHaveLength(32 + 248);
  });

  it("lets a quarter through in each turn once they have waited for a second, however often turns are shortened", async () => {
    const turns = new Turns();
    let through = 0;
    for (let index = 0; index < 4_000; index += 1) void turns.next().then(() => (through += 1));
    const until = performance.now() + 1_000;
    while (performance.now() < until);
    turns.shorten();
    await turn();
    expect(through).toBe(1_000);
    turns.shorten();
    await turn();
    expect(through).toBe(1_750);
  });

  it("goes on when more come after it was empty", async () => {
    const turns = new Turns();
    await turns.next();
    await turns.next();
    expect((await throughEach(turns, 2, 1)).each).toEqual([2]);
  });
});
