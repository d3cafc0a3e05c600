import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { acceptBatch } from "../../src/inbox/accept.sql.js";
import { ClaimFloor } from "../../src/inbox/claim-floor.js";
import { stillFleet } from "../support/fleet.js";

const at = (priority: number, seq: number) => ({ priority, seq: String(seq) });

it("goes on behind what was claimed, lane by lane, and looks at everything again and again", () => {
  let now = 1_000;
  const floor = new ClaimFloor(() => now);
  const claimed = (...keys: { priority: number; seq: string }[]) => {
    const from = floor.next();
    floor.claimed(from, keys, 2, false);
    return from;
  };
  expect(claimed(at(0, 7), at(0, 5))).toEqual({ floors: [0, 0], isSweep: true });
  expect(claimed(at(1, 9)).floors).toEqual([8, 0]);
  now += 249;
  expect(claimed()).toEqual({ floors: [8, 10], isSweep: false });
  now += 1;
  expect(claimed(at(0, 3))).toEqual({ floors: [0, 0], isSweep: true });
  // A straggler lowers nothing.
  expect(claimed().floors).toEqual([8, 10]);
  floor.sweep();
  expect(claimed().isSweep).toBe(true);
});

it("looks at everything the less often the longer that takes, but every half minute", () => {
  let now = 0;
  const floor = new ClaimFloor(() => now);
  const restAfter = (took: number) => {
    floor.sweep();
    floor.claimed(floor.next(), [], took, false);
    const began = now;
    while (!floor.next().isSweep) now += 50;
    return now - began;
  };
  expect([restAfter(1), restAfter(100), restAfter(5_000)]).toEqual([250, 5_000, 30_000]);
});

it("goes on from where a sweep was cut short by the size of a batch", () => {
  const floor = new ClaimFloor(() => 0);
  floor.claimed(floor.next(), [at(0, 100)], 1, false);
  floor.sweep();
  floor.claimed(floor.next(), [at(0, 40)], 1, true);
  expect(floor.next()).toEqual({ floors: [41, 0], isSweep: false });
});

it("a delivery that is committed after its successors were claimed is not left behind", async () => {
  const fleet = await stillFleet();
  const slow = new pg.Client({ connectionString: fleet.url });
  await slow.connect();
  onTestFinished(() => slow.end());
  await slow.query("BEGIN");
  const body = Buffer.from("{}");
  const delivery = { id: "00000000-0000-4000-8000-000000000001", event: "star", hookId: 1, form: false, body };
  await acceptBatch(slow, [{ delivery, projection: null }]);
  await fleet.accept("star", {});
  expect(await fleet.processBatch()).toBe(1);
  await slow.query("COMMIT");
  expect(await fleet.processBatch()).toBe(1);
  expect(await fleet.processBatch()).toBe(0);
});
