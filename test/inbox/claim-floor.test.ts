import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { acceptBatch } from "../../src/inbox/accept.sql.js";
import { ClaimFloor } from "../../src/inbox/claim-floor.js";
import { stillFleet } from "../support/fleet.js";

it("goes on behind what was claimed, lane by lane, and looks at everything again and again", () => {
  let now = 1_000;
  const floor = new ClaimFloor(() => now);
  expect(floor.next()).toEqual([0, 0]);
  floor.raise([
    { priority: 0, seq: "7" },
    { priority: 0, seq: "5" },
  ]);
  expect(floor.next()).toEqual([8, 0]);
  floor.raise([{ priority: 1, seq: "9" }]);
  now += 249;
  expect(floor.next()).toEqual([8, 10]);
  now += 1;
  expect(floor.next()).toEqual([0, 0]);
  floor.raise([{ priority: 0, seq: "11" }]);
  floor.clear();
  expect(floor.next()).toEqual([0, 0]);
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
