import { expect, it } from "vitest";
import { differences, parseExposition } from "../../src/simulator/compare.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { Replica } from "../support/replica.js";
import { expectMetrics, simulate } from "../support/simulation.js";

const seed = Number(process.env["SIMULATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** Several seconds of traffic. The instance is down for about a third of them. */
const DELIVERIES = 2_400;
const KILLED_AT = 800;

/** Removes the series that depend on the time of the reading. */
const comparable = (text: string) => text.split("\n").filter((line) => !/_age_seconds\{|_collector_duration_seconds\{/.test(line));

it(`two instances, one killed during traffic, both give exactly the simulator's counts (SIMULATION_SEED=${seed})`, async () => {
  console.info(`SIMULATION_SEED=${seed}`);
  const url = await freshDatabase();
  const replicas = await Promise.all([Replica.start(url), Replica.start(url)]);
  let killed: Promise<void> | undefined;
  const { expectation, summary } = await simulate(replicas, seed, DELIVERIES, (taken) => {
    // Kill the instance during traffic, while requests and batches are in progress.
    if (taken === KILLED_AT) killed = replicas[0].kill("SIGKILL").then(() => replicas[0].start());
  });
  await killed;

  expect(killed).toBeDefined();
  // The kill had an effect: some requests were cut off and sent again.
  expect(summary.redelivered).toBeGreaterThan(0);
  expect([summary.lost, summary.refused]).toEqual([0, 0]);
  await expectMetrics(replicas, expectation);
  // Read once more after the scrape cache has expired: all series, including the delivery counter.
  await expect
    .poll(async () => {
      const [first, second] = await Promise.all(replicas.map((replica) => replica.metrics()));
      const others = new Set(comparable(second!));
      return {
        differences: differences(expectation.series(), parseExposition(first!)),
        unlike: comparable(first!).filter((line) => !others.has(line)),
        lines: comparable(first!).length - comparable(second!).length,
      };
    })
    .toEqual({ differences: [], unlike: [], lines: 0 });
  expect(
    await rowsOf(
      url,
      "SELECT (SELECT count(*) FROM octogauge.inbox)::int AS inbox, (SELECT count(*) FROM octogauge.dead_letters)::int AS dead",
    ),
  ).toEqual([{ inbox: 0, dead: 0 }]);
  expect(await replicas[1].kill("SIGTERM")).toBe(0);
});
