import { expect, it } from "vitest";
import { differences, parseExposition } from "../../src/simulator/compare.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { Replica } from "../support/replica.js";
import { expectMetrics, simulate } from "../support/simulation.js";

const seed = Number(process.env["SIMULATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** Several seconds of traffic; the instance is away for about a third of them. */
const DELIVERIES = 2_400;
const KILLED_AT = 800;

/** What is left after what depends on the moment of the reading. */
const comparable = (text: string) => text.split("\n").filter((line) => !/_age_seconds\{|_collector_duration_seconds\{/.test(line));

it(`two instances, one killed in the middle: the simulator's counts to the letter, and both answer alike (SIMULATION_SEED=${seed})`, async () => {
  console.info(`SIMULATION_SEED=${seed}`);
  const url = await freshDatabase();
  const replicas = await Promise.all([Replica.start(url), Replica.start(url)]);
  let killed: Promise<void> | undefined;
  const { expectation, summary } = await simulate(replicas, seed, DELIVERIES, (taken) => {
    // In the middle of the traffic, with requests and batches under way.
    if (taken === KILLED_AT) killed = replicas[0].kill("SIGKILL").then(() => replicas[0].start());
  });
  await killed;

  expect(killed).toBeDefined();
  // The kill was felt: some requests were cut off and sent again.
  expect(summary.redelivered).toBeGreaterThan(0);
  expect([summary.lost, summary.refused]).toEqual([0, 0]);
  await expectMetrics(replicas, expectation);
  // One more reading, beyond the scrape cache: every series, the deliveries' own counter included.
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
