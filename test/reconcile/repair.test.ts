import { describe, expect, it } from "vitest";
import { differences, parseExposition } from "../../src/simulator/compare.js";
import { ticksOfEventId } from "../../src/simulator/event-id.js";
import { Expectation } from "../../src/simulator/expected.js";
import { generateHistory } from "../../src/simulator/history.js";
import type { SimulatedDelivery } from "../../src/simulator/model.js";
import { createRandom } from "../../src/simulator/random.js";
import { staleRuns } from "../../src/workflow-state/lookups.sql.js";
import { rowsOf } from "../support/database.js";
import { FakeGitHub } from "../support/fake-github/fake-github.js";
import { replayHistory } from "../support/fake-github/history.js";
import { SECRET, startInstance, type TestInstance } from "../support/octogauge.js";
import { until } from "../support/wait.js";

const HOOK = "org:simulated:7";
const MINUTE = 600_000_000n;
/** Two hours. About 80 deliveries are lost: more than a page of look-ups, and every kind of event. */
const DELIVERIES = 1_600;

/** A history of the last two hours. */
const history = (seed: number, deliveries: number): readonly SimulatedDelivery[] => [
  ...generateHistory({ seed, deliveries, startTime: new Date(Math.floor(Date.now() / 1_000 - 7_200) * 1_000) }),
];

function expectationOf(deliveries: Iterable<SimulatedDelivery>): Expectation {
  const expectation = new Expectation();
  for (const delivery of deliveries) expectation.add(delivery);
  return expectation;
}

const timeOf = ({ deliveryId }: SimulatedDelivery): bigint => ticksOfEventId(deliveryId) ?? 0n;

/** Loses one in twenty at random, and one whole minute in the middle. For half of them GitHub's log shows success. */
function fatesOf(all: readonly SimulatedDelivery[]) {
  const random = createRandom("fates");
  const times = all.map(timeOf).sort((a, b) => (a < b ? -1 : 1));
  const begin = times[Math.floor(times.length / 2)] ?? 0n;
  return (delivery: SimulatedDelivery) => {
    const isInMinute = timeOf(delivery) >= begin && timeOf(delivery) < begin + MINUTE;
    if (!random.chance(0.05) && !isInMinute) return "deliver";
    return random.chance(0.5) ? "failed" : "unsent";
  };
}

const environment = (github: FakeGitHub): Record<string, string> => ({
  GITHUB_API_URL: github.url,
  GITHUB_TOKEN: github.token,
  GITHUB_HOOKS: HOOK,
  AUDIT_INTERVAL: "200ms",
  AUDIT_SETTLE: "0",
  REDELIVERY_BACKOFF: "2s",
  GITHUB_WRITE_INTERVAL: "1ms",
});

const reading = async (instance: TestInstance) => parseExposition(await (await fetch(`${instance.managementUrl}/metrics`)).text());

const ofHook = async (instance: TestInstance, metric: string): Promise<number | undefined> =>
  (await reading(instance)).get(`octogauge_hook_${metric}{hook="${HOOK}"}`);

/** Waits until the shown series equal the expected ones. */
async function expectShown(instance: TestInstance, of: RegExp, expectation: () => Promise<Expectation>): Promise<void> {
  const some = (series: ReadonlyMap<string, number>) => new Map([...series].filter(([name]) => of.test(name)));
  expect(some((await expectation()).series()).size).toBeGreaterThan(10);
  await expect
    .poll(async () => differences(some((await expectation()).series()), some(await reading(instance))), { interval: 200 })
    .toEqual([]);
}

/** A hook that points to the instance. Its log is audited from now on. */
async function hookTo(github: FakeGitHub, instance: TestInstance): Promise<void> {
  github.addHook(HOOK, { webhookUrl: instance.webhook, secret: SECRET });
  await until("the first audit", async () => (await ofHook(instance, "last_verified_timestamp_seconds")) !== undefined, 200);
}

const replay = (github: FakeGitHub, all: readonly SimulatedDelivery[]) =>
  replayHistory(github, all, { hooks: [HOOK], fateOf: fatesOf(all), deliveredAt: () => new Date() });

const LOOKED_UP = "SELECT run_id || '/' || run_attempt AS attempt FROM octogauge.lookups";
const GAUGES = /^github_workflow_(runs|jobs)\{/;

describe("deliveries that GitHub lost", () => {
  it("are requested again, and every counter, histogram and gauge is as if none had been lost", async () => {
    const github = await FakeGitHub.start();
    const instance = await startInstance(environment(github));
    await hookTo(github, instance);
    const all = history(51, DELIVERIES);
    const { lost } = await replay(github, all);
    expect(lost).toBeGreaterThan(DELIVERIES / 25);
    const expected = expectationOf(all);
    await expectShown(instance, /^github_/, async () => expected);
    await expect.poll(() => ofHook(instance, "deliveries_recovered_total"), { interval: 200 }).toBe(lost);
    const counted = async (what: string) => [what, await ofHook(instance, `deliveries_${what}_total`)];
    expect(await counted("missed")).toEqual(["missed", lost]);
    expect(await counted("redelivered")).toEqual(["redelivered", lost]);
    expect(await counted("recovered")).toEqual(["recovered", lost]);
    expect(await counted("given_up")).toEqual(["given_up", 0]);
    await expect.poll(() => ofHook(instance, "deliveries_missing"), { interval: 200 }).toBe(0);
    expect(github.writes).toHaveLength(lost);
    expect(github.unexpected).toEqual([]);
  });

  it("without redelivery are counted exactly, and open attempts are looked up", async () => {
    const github = await FakeGitHub.start();
    const receiver = await startInstance({ ...environment(github), REDELIVERY: "off" });
    await hookTo(github, receiver);
    const all = history(52, DELIVERIES);
    const { lost, lostIds } = await replay(github, all);
    // Look-ups start after all deliveries are sent, because a later loss could affect an attempt that was already looked up.
    await until("an empty inbox", async () => (await rowsOf(receiver.databaseUrl, "SELECT FROM octogauge.inbox")).length === 0);
    await receiver.stop();
    const instance = await startInstance({ ...environment(github), REDELIVERY: "off", RECONCILE_AFTER: "1s" }, receiver.databaseUrl);
    // Expected: all events that arrived, and all attempts that were looked up. An attempt without any open event cannot be looked up.
    // An open attempt that is not looked up makes this comparison fail.
    const knowable = async () => {
      const lookedUp = new Set((await rowsOf(instance.databaseUrl, LOOKED_UP)).map(({ attempt }) => attempt));
      return expectationOf(all.filter((delivery) => !lostIds.has(delivery.deliveryId) || lookedUp.has(attemptOf(delivery))));
    };
    const open = async () =>
      staleRuns({ query: async (text, values) => ({ rows: await rowsOf(instance.databaseUrl, text, values) }) }, 0, 10_000);
    const areLookedUp = async () => {
      const lookedUp = new Set((await rowsOf(instance.databaseUrl, LOOKED_UP)).map(({ attempt }) => attempt));
      return (await open()).every(({ runId, runAttempt }) => lookedUp.has(`${runId}/${runAttempt}`));
    };
    await until("the look-ups", areLookedUp, 200);
    await expectShown(instance, GAUGES, knowable);
    expect((await rowsOf(instance.databaseUrl, LOOKED_UP)).length).toBeGreaterThan(10);
    await expect.poll(() => ofHook(instance, "deliveries_missed_total"), { interval: 200 }).toBe(lost);
    expect(await ofHook(instance, "deliveries_missing")).toBe(lost);
    expect(github.writes).toEqual([]);
    expect(github.unexpected).toEqual([]);
    expect(await rowsOf(instance.databaseUrl, "SELECT FROM octogauge.dead_letters")).toEqual([]);
  });
});

/** The attempt that a delivery belongs to, or undefined for other events. */
function attemptOf({ event, body }: SimulatedDelivery): string {
  const payload = JSON.parse(body) as Record<
    "workflow_run" | "workflow_job",
    { id: number; run_id?: number; run_attempt?: number } | undefined
  >;
  const subject = event === "workflow_run" ? payload.workflow_run : event === "workflow_job" ? payload.workflow_job : undefined;
  return subject ? `${subject.run_id ?? subject.id}/${subject.run_attempt ?? 1}` : "";
}
