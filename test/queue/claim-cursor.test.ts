import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { acceptBatch } from "../../src/intake/accept.sql.js";
import { ClaimCursor } from "../../src/queue/claim-cursor.js";
import { LANES } from "../../src/intake/lanes.js";
import { stillFleet } from "../support/fleet.js";

/** Of the first two lanes; nothing was found in the others. */
const floors = (first: number, second: number) => LANES.map((lane) => [first, second][lane] ?? 0);
const at = (priority: number, seq: number) => ({ priority, seq: String(seq) });

it("goes on behind what was claimed, lane by lane, and looks at everything again and again", () => {
  let now = 1_000;
  const floor = new ClaimCursor(() => now);
  const claimed = (...keys: { priority: number; seq: string }[]) => {
    const from = floor.next();
    floor.claimed(from, keys, 1, false);
    return from;
  };
  expect(claimed(at(0, 7), at(0, 5))).toEqual({ floors: floors(0, 0), sweep: "whole" });
  expect(claimed(at(1, 9)).floors).toEqual(floors(8, 0));
  now += 249;
  expect(claimed()).toEqual({ floors: floors(8, 10), sweep: undefined });
  now += 1;
  expect(claimed(at(0, 3))).toEqual({ floors: floors(0, 0), sweep: "whole" });
  // A straggler lowers nothing.
  expect(claimed().floors).toEqual(floors(8, 10));
  floor.sweep();
  expect(claimed().sweep).toBe("whole");
});

it("a look at the recent end goes on where a full scan was cut short", () => {
  let now = 0;
  const floor = new ClaimCursor(() => now);
  floor.claimed(floor.next(), [at(0, 90)], 1, false);
  floor.sweep();
  // The full scan finds older rows, and not all of them fit.
  floor.claimed(floor.next(), [at(0, 10)], 2, true);
  now += 250;
  expect(floor.next()).toEqual({ floors: floors(11, 0), sweep: "recent" });
});

it("looks back the less often the longer that takes, and at everything still less often, but every minute", () => {
  let now = 0;
  const floor = new ClaimCursor(() => now);
  const restAfter = (sweep: "whole" | "recent", took: number) => {
    for (now += 60_000; ; now += 50) {
      const from = floor.next();
      floor.claimed(from, [], from.sweep === sweep ? took : 0, false);
      if (from.sweep === sweep) break;
    }
    const began = now;
    for (;;) {
      now += 50;
      const from = floor.next();
      floor.claimed(from, [], 0, false);
      if (from.sweep === sweep) return now - began;
    }
  };
  expect([restAfter("whole", 1), restAfter("whole", 100), restAfter("whole", 5_000)]).toEqual([250, 20_000, 60_000]);
  const cheapWhole = new ClaimCursor(() => now);
  const first = cheapWhole.next();
  cheapWhole.claimed(first, [], 400, false);
  now += 250;
  const recent = cheapWhole.next();
  expect(recent.sweep).toBe("recent");
  cheapWhole.claimed(recent, [], 20, false);
  now += 999;
  expect(cheapWhole.next().sweep).toBeUndefined();
  now += 1;
  expect(cheapWhole.next().sweep).toBe("recent");
});

it("looks back to where it was a quarter of a minute ago", () => {
  let now = 0;
  const floor = new ClaimCursor(() => now);
  floor.claimed(floor.next(), [at(0, 0)], 1_000, false);
  for (let seq = 1_000; seq <= 30_000; seq += 1_000) {
    now += 1_000;
    floor.claimed(floor.next(), [at(0, seq)], 0, false);
  }
  expect(now).toBe(30_000);
  now += 1_000;
  expect(floor.next()).toEqual({ floors: floors(15_001, 0), sweep: "recent" });
});

it("goes on from where a sweep was cut short by the size of a batch", () => {
  const floor = new ClaimCursor(() => 0);
  floor.claimed(floor.next(), [at(0, 100), at(1, 70)], 1, false);
  floor.sweep();
  floor.claimed(floor.next(), [at(0, 40)], 1, true);
  // The other lane was not come to.
  expect(floor.next()).toEqual({ floors: floors(41, 71), sweep: undefined });
});

it("a delivery that is committed after its successors were claimed is not left behind", async () => {
  const fleet = await stillFleet();
  const slow = new pg.Client({ connectionString: fleet.url });
  await slow.connect();
  onTestFinished(() => slow.end());
  await slow.query("BEGIN");
  const body = Buffer.from("{}");
  const delivery = { id: "00000000-0000-4000-8000-000000000001", event: "star", hookId: 1, form: false, body };
  await acceptBatch(slow, [{ delivery, projection: null, priority: 1 }]);
  await fleet.accept("star", {});
  expect(await fleet.processBatch()).toBe(1);
  await slow.query("COMMIT");
  expect(await fleet.processBatch()).toBe(1);
  expect(await fleet.processBatch()).toBe(0);
});
