import { describe, expect, it } from "vitest";
import { Limits } from "../../src/github/limits.js";
import { AuditLoop } from "../../src/reconcile/audit.loop.js";
import { MissedDeliveries } from "../../src/reconcile/missed-deliveries.js";
import { RedeliveryLoop } from "../../src/reconcile/redelivery.loop.js";
import {
  audit,
  expectRest,
  HOOK,
  hookRow,
  letAuditBeDue,
  letRedeliveriesBeDue,
  captureLogLines,
  missed,
  redeliver,
  addToLedger,
  sample,
  setUpAudit,
  expireLeader,
} from "../support/auditing.js";
import { rowsOf } from "../support/database.js";
import { until } from "../support/wait.js";

interface MissedRow {
  readonly hook: string;
  readonly state: number;
  readonly attempts: number;
}

const rows = (url: string) =>
  rowsOf<MissedRow & Record<string, unknown>>(
    url,
    "SELECT hook, state, attempts FROM octogauge.missed_deliveries ORDER BY delivered_at, hook",
  );

const counted = (what: string) => `octogauge_hook_deliveries_${what}_total`;

describe("a missed delivery is requested again", () => {
  it("with a backoff that grows fourfold up to 6 h, once per step", async () => {
    const { github, url, replica, lose } = await setUpAudit();
    github.redeliveryFails = true;
    const [id] = await lose(1);
    const fleet = await replica();
    await audit(fleet);
    for (const [step, rest] of [60, 240, 960, 3_840, 15_360, 21_600, 21_600, 21_600].entries()) {
      const twice = async () => {
        await redeliver(fleet);
        await redeliver(fleet);
      };
      await expectRest(url, rest, twice, { of: "delivery" });
      expect([(await rows(url))[0]?.attempts, github.writes.length]).toEqual([step + 1, step + 1]);
      await letRedeliveriesBeDue(url);
    }
    await github.settled();
    // All attempts are one delivery, with nine entries in the log.
    expect(github.log(HOOK).map(({ guid }) => guid)).toEqual(Array.from({ length: 9 }, () => id));
    await letAuditBeDue(url);
    await audit(fleet);
    expect([await sample(fleet, counted("missed")), await sample(fleet, counted("redelivered"))]).toEqual([1, 8]);
  });

  it("oldest first, because GitHub deletes it first", async () => {
    const { github, replica, lose } = await setUpAudit();
    await lose(1, { ago: 300 });
    await lose(1, { ago: 3_000 });
    await lose(1, { ago: 1_000 });
    const fleet = await replica();
    await audit(fleet);
    await redeliver(fleet);
    const [first, second, third] = github.log(HOOK).map(({ id }) => id);
    const asked = github.requests.filter(({ method }) => method === "POST").map(({ path }) => path);
    expect(asked).toEqual([second, third, first].map((id) => `/orgs/acme/hooks/7/deliveries/${id}/attempts`));
  });

  it("by one replica at a time, with at least GITHUB_WRITE_INTERVAL between two requests", async () => {
    const { github, url, replica, lose } = await setUpAudit();
    await lose(4);
    const [one, two] = [await replica({ GITHUB_WRITE_INTERVAL: "250ms" }), await replica({ GITHUB_WRITE_INTERVAL: "250ms" })];
    await audit(one);
    const began = performance.now();
    // Each replica leads in turn, and both send as fast as allowed.
    await until("four writes", async () => {
      await Promise.all([one, two].map((fleet) => fleet.get(RedeliveryLoop).runOnce()));
      await expireLeader(url);
      return github.writes.length >= 4;
    });
    // A request may be late, which shortens the gap to the next one. None is before its slot.
    expect(github.writes.map((at, index) => at - began >= index * 250)).toEqual(Array(4).fill(true));
    expect((await rows(url)).map(({ attempts }) => attempts)).toEqual(Array.from({ length: 4 }, () => 1));
  });

  it("by only one of many concurrent writers", async () => {
    const { replica } = await setUpAudit();
    const fleets = [await replica({ GITHUB_WRITE_INTERVAL: "1h" }), await replica({ GITHUB_WRITE_INTERVAL: "1h" })];
    const waits = await Promise.all([...fleets, ...fleets, ...fleets].map((fleet) => fleet.get(Limits).takeWrite()));
    expect(waits.filter((wait) => wait === 0)).toHaveLength(1);
    expect(waits.filter((wait) => wait > 0 && wait <= 3_600)).toHaveLength(5);
  });

  it("through one of the hooks that miss it, and counts as recovered for each", async () => {
    const other = "repo:acme/api:8";
    const { github, url, replica, lose } = await setUpAudit({ hooks: [HOOK, other] });
    const [id] = await lose(1, { hooks: [HOOK, other] });
    const fleet = await replica();
    await audit(fleet);
    await expectRest(url, 60, () => redeliver(fleet), { of: "delivery" });
    expect(github.writes).toHaveLength(1);
    await fleet.deliver("push", "{}", id);
    await fleet.get(MissedDeliveries).settle();
    const recovered = [await sample(fleet, counted("recovered")), await sample(fleet, counted("recovered"), `hook="${other}"`)];
    expect(recovered).toEqual([1, 1]);
  });

  it("until it arrives", async () => {
    const lines = captureLogLines();
    const { github, url, replica, lose } = await setUpAudit();
    const [id, another] = await lose(2);
    const fleet = await replica();
    await audit(fleet);
    // One delivery arrives by itself before it is requested.
    await fleet.deliver("push", "{}", another);
    await redeliver(fleet);
    await redeliver(fleet);
    expect(github.writes).toHaveLength(1);
    await fleet.deliver("push", "{}", id);
    await letRedeliveriesBeDue(url);
    await redeliver(fleet);
    await fleet.get(MissedDeliveries).settle();
    await fleet.get(MissedDeliveries).settle();
    expect(github.writes).toHaveLength(1);
    expect([await sample(fleet, counted("recovered")), await sample(fleet, "octogauge_hook_deliveries_missing")]).toEqual([2, 0]);
    expect((await rows(url)).map(({ state }) => state)).toEqual([1, 1]);
    expect(lines.filter((line) => line.endsWith("missed deliveries arrived"))).not.toEqual([]);
  });

  it("until it is older than AUDIT_WINDOW: then it is given up, counted and logged", async () => {
    const lines = captureLogLines();
    const { github, url, replica, lose } = await setUpAudit();
    const [id] = await lose(1, { ago: 3_500 });
    await lose(1, { ago: 60 });
    const fleet = await replica({ AUDIT_WINDOW: "1h" });
    await audit(fleet);
    await fleet.get(MissedDeliveries).settle();
    expect(await sample(fleet, counted("given_up"))).toBe(0);
    await rowsOf(url, "UPDATE octogauge.missed_deliveries SET delivered_at = delivered_at - interval '200 s'");
    await redeliver(fleet);
    expect(github.writes).toHaveLength(1);
    expect([await sample(fleet, counted("given_up")), await sample(fleet, "octogauge_hook_deliveries_missing")]).toEqual([1, 1]);
    expect(lines.filter((line) => line.startsWith("error"))).toEqual([
      `error 1 missed deliveries are lost, because they are too old for GitHub to redeliver: ${id} (${HOOK})`,
    ]);
    // A delivery that was given up does not count as missed again, and is deleted later.
    await letAuditBeDue(url);
    await audit(fleet);
    expect(await sample(fleet, counted("missed"))).toBe(2);
    await rowsOf(url, "UPDATE octogauge.missed_deliveries SET delivered_at = delivered_at - interval '2 h'");
    await fleet.get(MissedDeliveries).settle();
    await fleet.get(MissedDeliveries).prune();
    expect((await missed(url)).size).toBe(0);
  });

  it("never with REDELIVERY=off, which still counts missed, recovered and given-up deliveries", async () => {
    const { github, url, replica, lose } = await setUpAudit();
    const ids = await lose(3);
    const fleet = await replica({ REDELIVERY: "off" });
    await audit(fleet);
    await redeliver(fleet);
    await addToLedger(url, ids.slice(0, 1));
    await rowsOf(url, "UPDATE octogauge.missed_deliveries SET delivered_at = now() - interval '4 d' WHERE delivery_id = $1", [ids[1]]);
    await fleet.get(MissedDeliveries).settle();
    expect(github.writes).toEqual([]);
    const counts = ["missed", "redelivered", "recovered", "given_up"].map((what) => sample(fleet, counted(what)));
    expect(await Promise.all(counts)).toEqual([3, 0, 1, 1]);
    expect(await sample(fleet, "octogauge_hook_deliveries_missing")).toBe(1);
  });
});

describe("a redelivery that GitHub refuses", () => {
  it("because the entry is gone keeps its backoff step, and the others continue", async () => {
    const lines = captureLogLines();
    const { github, url, replica, lose } = await setUpAudit({ github: { redeliverableDays: 0.01 } });
    await lose(1, { ago: 3_600 });
    await lose(2, { ago: 60 });
    const fleet = await replica();
    await audit(fleet);
    await expectRest(url, 60, () => redeliver(fleet), { of: "delivery" });
    expect(github.requests.filter(({ method }) => method === "POST").map(({ status }) => status)).toEqual([422, 202, 202]);
    expect((await rows(url)).map(({ attempts }) => attempts)).toEqual([1, 1, 1]);
    expect(await sample(fleet, counted("redelivered"))).toBe(2);
    expect((await hookRow(url)).failures).toBe(0);
    expect(lines.filter((line) => line.includes("could not be requested from GitHub"))).toHaveLength(1);
  });

  it("for a missing permission pauses the others with a hint, and the log is still read", async () => {
    const lines = captureLogLines();
    const { github, replica, lose, pages } = await setUpAudit();
    await lose(350);
    const fleet = await replica();
    github.fail(1_000, "forbidden", { method: "POST" });
    for (let round = 0; round < 8; round += 1) {
      await fleet.get(AuditLoop).runOnce();
      await fleet.get(RedeliveryLoop).runOnce();
    }
    expect(github.requests.filter(({ method }) => method === "POST")).toHaveLength(1);
    expect(pages()).toBe(4);
    expect(await sample(fleet, counted("missed"))).toBe(350);
    expect(await sample(fleet, counted("redelivered"))).toBe(0);
    expect(lines.filter((line) => line.includes("lack a permission"))).toHaveLength(1);
    expect(await sample(fleet, "octogauge_hook_audit_success")).toBe(1);
  });

  it("is requested again after a pause", async () => {
    const { github, url, replica, lose } = await setUpAudit();
    await lose(3);
    const fleet = await replica({ AUDIT_INTERVAL: "50ms" });
    await audit(fleet);
    github.fail(2, "server", { method: "POST" });
    const redelivered = async () => {
      await redeliver(fleet);
      await letRedeliveriesBeDue(url);
      return github.writes.length;
    };
    await expect.poll(redelivered).toBeGreaterThanOrEqual(3);
    expect(github.requests.filter(({ method, status }) => method === "POST" && status === 502)).toHaveLength(2);
  });

  it.each(["server", "drop", "forbidden"] as const)("does not cause a busy loop: %s", async (fault) => {
    const { github, replica, lose } = await setUpAudit();
    await lose(20);
    const fleet = await replica();
    await audit(fleet);
    github.fail(1_000, fault, { method: "POST" });
    await redeliver(fleet);
    await redeliver(fleet);
    expect(github.requests.filter(({ method }) => method === "POST")).toHaveLength(1);
  });

  it("is not requested if the rate limit has no room for writes, and the log is still read", async () => {
    const { github, url, replica, lose, pages } = await setUpAudit();
    await lose(350);
    github.setRateLimit("token", { limit: 5_000, remaining: 450, resetInSeconds: 1_800 });
    const fleet = await replica();
    for (let round = 0; round < 8; round += 1) {
      await fleet.get(AuditLoop).runOnce();
      await fleet.get(RedeliveryLoop).runOnce();
    }
    expect(github.writes).toEqual([]);
    expect(pages()).toBe(4);
    expect((await rows(url)).every(({ attempts }) => attempts === 0)).toBe(true);
    expect(await sample(fleet, "octogauge_hook_audit_success")).toBe(1);
  });
});
