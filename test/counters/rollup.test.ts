import { randomBytes } from "node:crypto";
import pg from "pg";
import { afterEach, expect, it, onTestFinished, vi } from "vitest";
import { Counters } from "../../src/counters/counters.js";
import { COUNTERS } from "../../src/counters/catalogue.js";
import { Increments } from "../../src/counters/increments.js";
import { Rollup } from "../../src/counters/rollup.js";
import { Series } from "../../src/counters/series.js";
import { recordDelta, takeDeltas } from "../../src/counters/metric-deltas.sql.js";
import { readIncrements, writeIncrements } from "../../src/counters/written-increments.js";
import { Database } from "../../src/database/database.js";
import { explainAll } from "../plans/explain.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { post, startInstance } from "../support/octogauge.js";
import { jobPayload, RAN } from "../support/payloads.js";

type Fleet = Awaited<ReturnType<typeof stillFleet>>;

afterEach(() => {
  vi.restoreAllMocks();
});

const EVENTS = ["star", "push", "fork"];

/** Counts one event in its own transaction. */
async function count(fleet: Fleet, event = "star"): Promise<void> {
  const delta = fleet.get(Counters).newDelta();
  delta.add(COUNTERS.events, [event, ""]);
  await fleet.get(Database).transaction((transaction) => fleet.get(Counters).write(transaction, delta));
}

async function connectionTo(fleet: Fleet): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: fleet.url });
  await client.connect();
  onTestFinished(() => client.end());
  return client;
}

const rollUp = (fleet: Fleet): Promise<number> => fleet.rollUp();

async function counted(fleet: Fleet): Promise<number> {
  const [row] = await rowsOf<{ sum: number }>(fleet.url, "SELECT coalesce(sum(value), 0)::float8 AS sum FROM octogauge.counter_series");
  return row!.sum;
}

const waiting = (fleet: Fleet) => rowsOf(fleet.url, "SELECT FROM octogauge.tallies");

it("adds every delta committed before it starts exactly once, with concurrent rollups", async () => {
  const one = await stillFleet();
  const other = await stillFleet({}, one.url);
  let committed = 0;
  const short: string[] = [];
  await Promise.all(
    Array.from({ length: 8 }, async (_, writer) => {
      for (let round = 0; round < 40; round += 1) {
        const fleet = (writer + round) % 2 === 0 ? one : other;
        await count(fleet, EVENTS[round % 3]);
        const atLeast = (committed += 1);
        await rollUp(fleet);
        const sum = await counted(fleet);
        if (sum < atLeast) short.push(`${sum} of ${atLeast}`);
      }
    }),
  );
  expect(short).toEqual([]);
  expect(await counted(one)).toBe(320);
  expect(await waiting(one)).toEqual([]);
});

it("adds more deltas than fit into one transaction exactly once, with concurrent rollups", async () => {
  const fleets = [await stillFleet()];
  for (let process = 1; process < 3; process += 1) fleets.push(await stillFleet({}, fleets[0]!.url));
  const [fleet] = fleets as [Fleet, Fleet, Fleet];
  for (let delta = 0; delta < 1_100; delta += 1) await count(fleet, EVENTS[delta % 3]);
  for (let large = 0; large < 3; large += 1)
    await rowsOf(fleet.url, `INSERT INTO octogauge.tallies (increments) VALUES (rpad('{"counters":{},"histograms":{}}', 3000000))`);
  const added = await Promise.all(fleets.map(rollUp));
  expect(added.reduce((sum, some) => sum + some)).toBe(1_103);
  expect(await counted(fleet)).toBe(1_100);
  expect(await waiting(fleet)).toEqual([]);
});

it("times out if another process holds the deltas for long, and reports the failure", async () => {
  const fleet = await stillFleet();
  await count(fleet);
  const other = await connectionTo(fleet);
  await other.query("BEGIN");
  await takeDeltas(other, "0");
  await expect(rollUp(fleet)).rejects.toThrow(/lock timeout/);
  expect(await fleet.samples("octogauge_collector_success")).toEqual(
    expect.arrayContaining([
      'octogauge_collector_success{collector="counters"} 0',
      'octogauge_collector_success{collector="histograms"} 0',
      'octogauge_collector_success{collector="inbox"} 1',
    ]),
  );
  await other.query("ROLLBACK");
  expect((await fleet.samples("github_events_total")).at(0)).toMatch(/ 1$/);
});

it("runs once per scrape, and again for the next scrape", async () => {
  const fleet = await stillFleet();
  const plans = explainAll(fleet.get(Database));
  const runs = () => plans.filter(({ text }) => text.includes("DELETE FROM octogauge.tallies")).length;
  await count(fleet);
  expect((await fleet.samples("github_events_total")).at(0)).toMatch(/ 1$/);
  expect(runs()).toBe(1);
  await count(fleet);
  expect((await fleet.samples("github_events_total")).at(0)).toMatch(/ 2$/);
  expect(runs()).toBe(2);
});

it("covers a moment only if it started after that moment and succeeded", async () => {
  const fleet = await stillFleet();
  const rollup = fleet.get(Rollup);
  const before = performance.now();
  await rowsOf(fleet.url, "ALTER TABLE octogauge.tallies RENAME TO away");
  await expect(rollup.upTo(before)).rejects.toThrow(/tallies/);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.away RENAME TO tallies");
  await count(fleet);
  await rollup.upTo(before);
  expect(await counted(fleet)).toBe(1);
  await count(fleet);
  await rollup.upTo(before);
  expect(await counted(fleet)).toBe(1);
});

it("does not cover a moment if it started before and ended after it", async () => {
  const fleet = await stillFleet();
  const rollup = fleet.get(Rollup);
  await count(fleet);
  const other = await connectionTo(fleet);
  await other.query("BEGIN");
  await takeDeltas(other, "0");
  const running = rollup.run();
  await expect
    .poll(() => rowsOf(fleet.url, "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))
    .toHaveLength(1);
  const moment = performance.now();
  await count(fleet, "push");
  await other.query("ROLLBACK");
  expect(await running).toBe(1);
  await rollup.upTo(moment);
  expect(await counted(fleet)).toBe(2);
});

it("a worker rolls up without a scrape", async () => {
  const instance = await startInstance();
  await post(instance.webhook, "star", {});
  await expect.poll(() => rowsOf(instance.databaseUrl, "SELECT value FROM octogauge.counter_series")).toEqual([{ value: "1" }]);
});

it("waits for deltas that another process is adding, and adds them if that process fails", async () => {
  const fleet = await stillFleet();
  await count(fleet);
  const other = await connectionTo(fleet);
  await other.query("BEGIN");
  expect((await takeDeltas(other, "0")).deltas).toHaveLength(1);
  let answered: number | undefined;
  const rolling = rollUp(fleet).then((added) => (answered = added));
  await expect
    .poll(() => rowsOf(fleet.url, "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"))
    .toHaveLength(1);
  expect(answered).toBe(undefined);
  await other.query("ROLLBACK");
  expect(await rolling).toBe(1);
  expect(await counted(fleet)).toBe(1);
});

it("finds a delta that was written long before its commit", async () => {
  const fleet = await stillFleet();
  const late = await connectionTo(fleet);
  const delta = fleet.get(Counters).newDelta();
  delta.add(COUNTERS.events, ["push", ""]);
  await late.query("BEGIN");
  await recordDelta(late, writeIncrements(delta.increments));
  await count(fleet);
  expect(await rollUp(fleet)).toBe(1);
  await count(fleet);
  expect(await rollUp(fleet)).toBe(1);
  await late.query("COMMIT");
  expect(await rollUp(fleet)).toBe(1);
  expect(await counted(fleet)).toBe(3);
});

it("returns deltas that it could not add, and adds them later", async () => {
  const fleet = await stillFleet();
  await count(fleet);
  await count(fleet, "push");
  await rowsOf(fleet.url, "ALTER TABLE octogauge.counter_series RENAME TO away");
  await expect(rollUp(fleet)).rejects.toThrow(/counter_series/);
  expect(await waiting(fleet)).toHaveLength(2);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.away RENAME TO counter_series");
  expect(await rollUp(fleet)).toBe(2);
  expect(await counted(fleet)).toBe(2);
});

it("adds nothing if its commit fails", async () => {
  const fleet = await stillFleet();
  await count(fleet);
  await rowsOf(
    fleet.url,
    `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE ''refused at the end''; END';
     CREATE CONSTRAINT TRIGGER refused AFTER DELETE ON octogauge.tallies DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()`,
  );
  await expect(rollUp(fleet)).rejects.toThrow(/refused at the end/);
  expect(await counted(fleet)).toBe(0);
  await rowsOf(fleet.url, "DROP TRIGGER refused ON octogauge.tallies");
  expect(await rollUp(fleet)).toBe(1);
  expect(await counted(fleet)).toBe(1);
});

it("reads all deltas after a failure and once a minute, because a restored server may have lower transaction ids", async () => {
  const fleet = await stillFleet();
  const countFromFurtherBack = async () => {
    await count(fleet);
    await rowsOf(fleet.url, "UPDATE octogauge.tallies SET xid = '3'");
  };
  await count(fleet);
  await rollUp(fleet);
  await countFromFurtherBack();
  expect(await rollUp(fleet)).toBe(0);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.tallies RENAME TO away");
  await expect(rollUp(fleet)).rejects.toThrow(/tallies/);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.away RENAME TO tallies");
  expect(await rollUp(fleet)).toBe(1);
  await rollUp(fleet);
  await countFromFurtherBack();
  expect(await rollUp(fleet)).toBe(0);
  const begin = performance.now();
  vi.spyOn(performance, "now").mockReturnValue(begin + 60_001);
  expect(await rollUp(fleet)).toBe(1);
  expect(await counted(fleet)).toBe(3);
});

it("skips deleted deltas that an old snapshot keeps from being vacuumed", async () => {
  const fleet = await stillFleet();
  const reader = await connectionTo(fleet);
  await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT");
  const plans = explainAll(fleet.get(Database));
  const buffers = async () => {
    plans.length = 0;
    await count(fleet);
    await rollUp(fleet);
    return plans.find(({ text }) => text.includes("DELETE FROM octogauge.tallies"))!.buffers;
  };
  const atFirst = (await buffers(), await buffers());
  await rowsOf(
    fleet.url,
    `DO $$ BEGIN FOR i IN 1..4000 LOOP INSERT INTO octogauge.tallies (increments) VALUES ('{"counters":{},"histograms":{}}'); COMMIT; END LOOP; END $$`,
  );
  await rollUp(fleet);
  await buffers();
  expect(await buffers()).toBeLessThanOrEqual(atFirst + 10);
});

it("adds up counts of processes with different histogram bounds", async () => {
  const old = await stillFleet({ HISTOGRAM_BUCKETS: "10 50 100" });
  const young = await stillFleet({ HISTOGRAM_BUCKETS: "20 50 1000" }, old.url);
  const ran = (fleet: Fleet, id: number, seconds: number) =>
    fleet.deliver(
      "workflow_job",
      jobPayload("completed", { ...RAN, id, completed_at: new Date(Date.parse(RAN.started_at) + seconds * 1_000).toISOString() }),
    );
  await ran(old, 1, 5);
  await ran(old, 2, 30);
  await ran(young, 3, 15);
  await ran(old, 4, 500);
  expect(await waiting(old)).toHaveLength(4);
  const buckets = (await young.samples("github_workflow_job_duration_seconds_bucket")).map((line) =>
    /le="(.*?)"\} (\d+)$/.exec(line)!.slice(1),
  );
  expect(buckets).toEqual([
    ["20", "2"],
    ["50", "3"],
    ["1000", "3"],
    ["+Inf", "4"],
  ]);
  expect((await young.samples("github_workflow_job_duration_seconds_sum"))[0]).toMatch(/ 550$/);
});

it("a written delta reads back unchanged", () => {
  const increments = new Increments();
  increments.add("a_total", 'b="\\"\\n\\\\ü"', 3);
  increments.add("a_total", "", 0);
  increments.add("c_total", 'd="e"', 2 ** 40);
  increments.observe("s", "", [1, 2.5], 0.1);
  increments.observe("s", "", [1, 2.5], 0.2);
  increments.observe("s", 'd="e"', [0.3], 7);
  const read = new Increments();
  readIncrements(writeIncrements(increments), read);
  readIncrements(writeIncrements(increments), read);
  expect(read.counters.map(({ labels, value }) => [labels, value])).toEqual([
    ['b="\\"\\n\\\\ü"', 6],
    ["", 0],
    ['d="e"', 2 ** 41],
  ]);
  expect(read.histograms.map(({ labels, bounds, buckets, sum, count: times }) => [labels, bounds, buckets, sum, times])).toEqual([
    ["", [1, 2.5], [4, 4], 2 * (0.1 + 0.2), 4],
    ['d="e"', [0.3], [0], 14, 2],
  ]);
});

it("rejects deltas that PostgreSQL cannot store, and stores the longest labels allowed", async () => {
  const fleet = await stillFleet();
  const written = (labels: string) => {
    const increments = new Increments();
    increments.add("octogauge_longest_name_that_a_metric_of_ours_will_ever_have_total", labels, 1);
    increments.observe("octogauge_longest_name_that_a_metric_of_ours_will_ever_have_seconds", labels, [1], 1);
    return writeIncrements(increments);
  };
  expect(() => written('a="b\0"')).toThrow(/U\+0000/);
  // Random, because a compressible value fits into an index row at any length.
  const value = randomBytes(1_950).toString("base64");
  const longest = `${value.slice(0, 200)}${"ü".repeat(3)}${value.slice(206)}`;
  expect(Buffer.byteLength(longest)).toBe(2_600);
  expect(() => written(`${longest}x`)).toThrow(/2600 bytes/);
  const sum = new Increments();
  readIncrements(written(longest), sum);
  (await fleet.get(Database).transaction((transaction) => fleet.get(Series).add(transaction, sum)))();
  expect(await rowsOf(fleet.url, "SELECT value FROM octogauge.counter_series")).toEqual([{ value: "1" }]);
});
