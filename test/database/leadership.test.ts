import { expect, it } from "vitest";
import { Leadership } from "../../src/database/leadership.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";

it("one process leads; when it steps down or stops its heartbeat, another one leads with the next epoch", async () => {
  const url = await freshDatabase();
  const [a, b, c] = [await stillFleet({}, url), await stillFleet({}, url), await stillFleet({}, url)].map((fleet) => fleet.get(Leadership));
  expect([await a!.lead("retention"), await b!.lead("retention"), await a!.lead("retention")]).toEqual(["1", undefined, "1"]);
  await b!.onModuleDestroy();
  expect(await c!.lead("retention")).toBeUndefined();
  await a!.onModuleDestroy();
  expect([await b!.lead("retention"), await a!.lead("retention")]).toEqual(["2", undefined]);
  await rowsOf(url, "UPDATE octogauge.leaders SET expires_at = now() - interval '1 s'");
  expect([await c!.lead("retention"), await b!.lead("retention")]).toEqual(["3", undefined]);
});

it("of many concurrent processes, exactly one leads", async () => {
  const url = await freshDatabase();
  const fleets = await Promise.all(Array.from({ length: 5 }, () => stillFleet({}, url)));
  const epochs = await Promise.all(fleets.map((fleet) => fleet.get(Leadership).lead("retention")));
  expect(epochs.filter((epoch) => epoch !== undefined)).toEqual(["1"]);
});

it("only the leader runs retention", async () => {
  const url = await freshDatabase();
  const [leader, follower] = [await stillFleet({}, url), await stillFleet({}, url)];
  const old = () => rowsOf(url, "SELECT FROM octogauge.delivery_ledger");
  await leader.retain();
  await rowsOf(url, "INSERT INTO octogauge.delivery_ledger SELECT gen_random_uuid(), now() - interval '8 days'");
  await follower.retain();
  expect(await old()).toHaveLength(1);
  await leader.retain();
  expect(await old()).toEqual([]);
});
