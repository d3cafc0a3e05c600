import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { BatchProcessor } from "../../src/processing/batch-processor.js";
import { Queue } from "../../src/queue/queue.js";
import { WorkerLoop } from "../../src/processing/worker.loop.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";

async function setUp(batchSize: number) {
  const fleet = await stillFleet({ BATCH_SIZE: String(batchSize) });
  const loop = new WorkerLoop(1, fleet.get(BatchProcessor), 1, Promise.resolve());
  const accept = async (count: number, payload: unknown = {}, event = "star") => {
    for (let index = 0; index < count; index += 1) await fleet.accept(event, payload);
  };
  const waiting = async () => (await rowsOf(fleet.url, "SELECT FROM octogauge.inbox")).length;
  return { fleet, loop, accept, waiting };
}

it("the loop idles after a batch that is nearly empty, and continues after a fuller one", async () => {
  const { loop, accept, waiting } = await setUp(30);
  expect(await loop.runOnce()).toBe("idle");
  await accept(2);
  expect(await loop.runOnce()).toBe("idle");
  expect(await waiting()).toBe(0);
  await accept(3);
  expect(await loop.runOnce()).toBe("again");
  await accept(31);
  expect([await loop.runOnce(), await loop.runOnce()]).toEqual(["again", "idle"]);
});

it("the loop continues after every non-empty batch if BATCH_SIZE is small", async () => {
  const { loop, accept } = await setUp(3);
  await accept(1);
  expect([await loop.runOnce(), await loop.runOnce()]).toEqual(["again", "idle"]);
});

it("the loop continues after a batch that the byte limit cut short", async () => {
  const { fleet, loop, accept, waiting } = await setUp(100);
  await accept(3, { text: "x".repeat(9_000_000) });
  // Without a projection, the payload itself is read.
  await rowsOf(fleet.url, "UPDATE octogauge.inbox SET projection = NULL");
  expect([await loop.runOnce(), await waiting()]).toEqual(["again", 1]);
  expect([await loop.runOnce(), await waiting()]).toEqual(["idle", 0]);
});

it("a full scan that the byte limit cut short continues at its position", async () => {
  const { fleet, loop, accept, waiting } = await setUp(100);
  await accept(3, { text: "x".repeat(9_000_000) });
  await rowsOf(fleet.url, "UPDATE octogauge.inbox SET projection = NULL");
  const other = new pg.Client({ connectionString: fleet.url });
  await other.connect();
  onTestFinished(() => other.end());
  await other.query("BEGIN; SELECT FROM octogauge.inbox FOR UPDATE");
  await accept(1);
  await loop.runOnce();
  expect(await waiting()).toBe(3);
  await other.query("ROLLBACK");
  fleet.get(Queue).requestFullScan();
  await loop.runOnce();
  expect(await waiting()).toBe(1);
  await loop.runOnce();
  expect(await waiting()).toBe(0);
});

it("the loop continues after a refused batch, since its other deliveries still wait", async () => {
  const { fleet, loop, accept, waiting } = await setUp(100);
  await accept(4);
  await accept(1, "{", "workflow_job");
  await rowsOf(fleet.url, "UPDATE octogauge.inbox SET projection = '{' WHERE event = 'workflow_job'");
  expect([await loop.runOnce(), await waiting()]).toEqual(["again", 4]);
  expect([await loop.runOnce(), await waiting()]).toEqual(["idle", 0]);
});
