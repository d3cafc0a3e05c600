import { expect, it } from "vitest";
import { checkMetrics } from "../../src/simulator/check.js";
import { differences, parseExposition } from "../../src/simulator/compare.js";
import { Expectation } from "../../src/simulator/expected.js";
import { generateHistory } from "../../src/simulator/history.js";
import { sendDeliveries } from "../../src/simulator/send.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { SECRET } from "../support/octogauge.js";
import { Replica } from "../support/replica.js";

const seed = Number(process.env["SIMULATION_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

/** What is left after what depends on the moment of the reading. */
const comparable = (text: string) => text.split("\n").filter((line) => !/_age_seconds\{|_collector_duration_seconds\{/.test(line));

it(
  `two instances, one killed in the middle: the simulator's counts to the letter, and both answer alike (SIMULATION_SEED=${seed})`,
  { timeout: 90_000 },
  async () => {
    console.info(`SIMULATION_SEED=${seed}`);
    const url = await freshDatabase();
    const replicas = [await Replica.start(url), await Replica.start(url)] as const;
    const expectation = new Expectation();
    let taken = 0;
    let killed: Promise<void> | undefined;

    const deliveries = generateHistory({ seed, deliveries: 4_000, startTime: new Date(Math.floor(Date.now() / 1_000 - 7_200) * 1_000) });
    function* noted() {
      for (const delivery of deliveries) {
        expectation.add(delivery);
        taken += 1;
        // In the middle of the traffic, with requests and batches under way.
        if (taken === 1_500) killed = replicas[0].kill("SIGKILL").then(() => replicas[0].start());
        yield delivery;
      }
    }
    const summary = await sendDeliveries(noted(), {
      urls: replicas.map((replica) => replica.webhook),
      secret: SECRET,
      rate: 0,
      concurrency: 40,
      redeliver: true,
      redeliverFor: 60,
    });
    await killed;

    expect(killed).toBeDefined();
    // The kill was felt: some requests were cut off and sent again.
    expect(summary.redelivered).toBeGreaterThan(0);
    expect([summary.lost, summary.refused]).toEqual([0, 0]);
    for (const replica of replicas) {
      const settled = await checkMetrics({
        url: `${replica.management}/metrics`,
        expected: expectation.series(),
        owners: expectation.owners(),
        seconds: 20,
      });
      expect(settled.differences).toEqual([]);
    }
    // One more reading, beyond the scrape cache: every series, the deliveries' own counter included.
    await new Promise((resolve) => setTimeout(resolve, 1_001));
    const [first, second] = await Promise.all(replicas.map((replica) => replica.metrics()));
    expect(differences(expectation.series(), parseExposition(first!))).toEqual([]);
    expect(comparable(first!)).toEqual(comparable(second!));
    expect(
      await rowsOf(
        url,
        "SELECT (SELECT count(*) FROM octogauge.inbox)::int AS inbox, (SELECT count(*) FROM octogauge.dead_letters)::int AS dead",
      ),
    ).toEqual([{ inbox: 0, dead: 0 }]);
    expect(await replicas[1].kill("SIGTERM")).toBe(0);
  },
);
