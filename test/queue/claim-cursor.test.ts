import { randomUUID } from "node:crypto";
import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { acceptBatch } from "../../src/intake/accept.sql.js";
import { ClaimCursor } from "../../src/queue/claim-cursor.js";
import { LANES } from "../../src/intake/lanes.js";
import { BatchProcessor } from "../../src/processing/batch-processor.js";
import { rowsOf } from "../support/database.js";
import { until } from "../support/wait.js";
import { stillFleet } from "../support/fleet.js";

/** Cursor positions of the first two lanes. No row was claimed in the other lanes. */
const floors = (first: number, second: number) => LANES.map((lane) => [first, second][lane] ?? 0);
const at = (priority: number, seq: number) => ({ priority, seq: String(seq) });

it("the cursor continues behind the claimed rows of each lane and regularly starts a full scan", () => {
  let nowMs = 1_000;
  const cursor = new ClaimCursor(() => nowMs);
  const claimed = (...rows: { priority: number; seq: string }[]) => {
    const position = cursor.next();
    cursor.claimed(position, rows, 1, false);
    return position;
  };
  expect(claimed(at(0, 7), at(0, 5))).toMatchObject({ floors: floors(0, 0), isFullScan: true });
  expect(claimed(at(1, 9)).floors).toEqual(floors(8, 0));
  nowMs += 249;
  expect(claimed()).toMatchObject({ floors: floors(8, 10), isFullScan: false });
  nowMs += 1;
  expect(claimed(at(0, 3))).toMatchObject({ floors: floors(0, 0), isFullScan: true });
  // A late commit does not move the cursor back.
  expect(claimed().floors).toEqual(floors(8, 10));
  cursor.requestFullScan();
  expect(claimed().isFullScan).toBe(true);
});

it("during a full scan, the other workers of the process do not start one", () => {
  const cursor = new ClaimCursor(() => 0);
  expect([cursor.next().isFullScan, cursor.next().isFullScan]).toEqual([true, false]);
});

it("a full scan that was requested while another one was under way follows it at once", () => {
  const cursor = new ClaimCursor(() => 0);
  const position = cursor.next();
  cursor.requestFullScan();
  cursor.claimed(position, [], 1, false);
  expect(cursor.next().isFullScan).toBe(true);
});

it.each([
  [1, 250],
  [100, 5_000],
  [5_000, 15_000],
])("after a full scan of %i ms the next one starts %i ms later: 2 % of the time, and at least once a minute", (tookMs, pauseMs) => {
  let nowMs = 0;
  const cursor = new ClaimCursor(() => nowMs);
  cursor.claimed(cursor.next(), [], tookMs, false);
  nowMs += pauseMs - 1;
  expect(cursor.next().isFullScan).toBe(false);
  nowMs += 1;
  expect(cursor.next().isFullScan).toBe(true);
});

it("a full scan that the batch size cut short continues at its position", () => {
  const cursor = new ClaimCursor(() => 0);
  cursor.claimed(cursor.next(), [at(0, 100), at(1, 70)], 1, false);
  cursor.requestFullScan();
  cursor.claimed(cursor.next(), [at(0, 40)], 1, true);
  // The scan did not reach the second lane.
  expect(cursor.next()).toMatchObject({ floors: floors(41, 71), isFullScan: false });
});

it("a delivery that commits after later ones were claimed is still found", async () => {
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
  // As a worker does: only the next full scan finds it.
  const worker = randomUUID();
  await until("the late delivery", async () => (await fleet.get(BatchProcessor).processBatch(worker)).count === 1);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.inbox")).toEqual([]);
});
