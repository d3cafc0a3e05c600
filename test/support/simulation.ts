import { expect } from "vitest";
import { checkMetrics } from "../../src/simulator/check.js";
import { Expectation } from "../../src/simulator/expected.js";
import { generateHistory } from "../../src/simulator/history.js";
import { sendDeliveries, type SendOptions } from "../../src/simulator/send.js";
import { SECRET } from "./octogauge.js";
import type { Replica } from "./replica.js";
import { LIMIT_MS } from "./wait.js";

/**
 * Sends a simulated history to all replicas in turn, and retries deliveries without a 2xx.
 * @param onTaken called before each delivery with the number of deliveries so far
 * @param sending overrides of the send options
 */
export async function simulate(
  replicas: readonly Replica[],
  seed: number,
  deliveries: number,
  onTaken: (taken: number) => void = () => undefined,
  sending: Partial<SendOptions> = {},
) {
  const expectation = new Expectation();
  function* noted() {
    let taken = 0;
    for (const delivery of generateHistory({ seed, deliveries, startTime: new Date(Math.floor(Date.now() / 1_000 - 7_200) * 1_000) })) {
      expectation.add(delivery);
      onTaken((taken += 1));
      yield delivery;
    }
  }
  const summary = await sendDeliveries(noted(), {
    urls: replicas.map((replica) => replica.webhook),
    secret: SECRET,
    rate: 0,
    concurrency: 40,
    redeliver: true,
    redeliverFor: LIMIT_MS / 1_000,
    ...sending,
  });
  return { expectation, summary };
}

/** Waits until every replica shows exactly the expected series. */
export async function expectMetrics(replicas: readonly Replica[], expectation: Expectation): Promise<void> {
  for (const replica of replicas) {
    const settled = await checkMetrics({
      url: `${replica.management}/metrics`,
      expected: expectation.series(),
      owners: expectation.owners(),
      seconds: LIMIT_MS / 1_000,
    });
    expect(settled.differences).toEqual([]);
  }
}
