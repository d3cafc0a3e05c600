import { expect, it } from "vitest";
import { BatchProcessor } from "../../src/processing/batch-processor.js";
import { WorkerLoop } from "../../src/processing/worker.loop.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";

async function setUp(batchSize: number) {
  const fleet = await stillFleet({ BATCH_SIZE: String(batchSize) });
  const loop = new WorkerLoop(1, fleet.get(BatchProcessor), fleet.config, Promise.resolve());
  const accept = async (count: number) => {
    for (let index = 0; index < count; index += 1) await fleet.accept("star", {});
  };
  return { fleet, loop, accept, journal: () => rowsOf(fleet.url, "SELECT FROM octogauge.begun_batches") };
}

it("rests after a batch that was not worth its transaction, and goes on after one that was", async () => {
  const { fleet, loop, accept } = await setUp(30);
  expect(await loop.runOnce()).toBe("idle");
  await accept(2);
  expect(await loop.runOnce()).toBe("idle");
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.inbox")).toEqual([]);
  await accept(3);
  expect(await loop.runOnce()).toBe("again");
  await accept(31);
  expect([await loop.runOnce(), await loop.runOnce()]).toEqual(["again", "idle"]);
});

it("goes on after any batch where those are small", async () => {
  const { loop, accept } = await setUp(3);
  await accept(1);
  expect([await loop.runOnce(), await loop.runOnce()]).toEqual(["again", "idle"]);
});

it("leaves nothing in the journal when it stops", async () => {
  const { loop, accept, journal } = await setUp(30);
  await accept(1);
  await loop.runOnce();
  expect(await journal()).toHaveLength(1);
  await loop.stop();
  expect(await journal()).toEqual([]);
});

it("stops where the journal cannot be had", async () => {
  const { fleet, loop, accept } = await setUp(30);
  await accept(1);
  await loop.runOnce();
  await rowsOf(fleet.url, "ALTER TABLE octogauge.begun_batches RENAME TO away");
  await loop.stop();
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.away")).toHaveLength(1);
});
