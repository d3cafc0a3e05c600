import { randomUUID } from "node:crypto";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { HookLog } from "../../src/github/hook-log.js";
import { AuditLoop } from "../../src/reconcile/audit.loop.js";
import { HookAudits } from "../../src/reconcile/hook-audits.js";
import {
  audit,
  expectRest,
  HOOK,
  hookRow,
  letAuditBeDue,
  captureLogLines,
  missed,
  redeliver,
  addToLedger,
  sample,
  setUpAudit,
  expireLeader,
} from "../support/auditing.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { startScripted } from "../support/scripted-github.js";

const MISSED = "octogauge_hook_deliveries_missed_total";

describe("the audit of a delivery log", () => {
  it("reads page by page, and another replica continues where the first one stopped", async () => {
    const { github, url, replica, lose, pages } = await setUpAudit();
    const ids = await lose(450);
    const [first, second] = [await replica(), await replica()];
    expect([await first.get(AuditLoop).runOnce(), await first.get(AuditLoop).runOnce()]).toEqual(["again", "again"]);
    expect(await second.get(AuditLoop).runOnce()).toBe("idle");
    expect([pages(), (await missed(url)).size]).toEqual([2, 200]);
    await first.close();
    expect(await audit(second)).toBe(3);
    const cursors = github.requests.map(({ query }) => query["cursor"]);
    expect(cursors[0]).toBeUndefined();
    expect(new Set(cursors).size).toBe(5);
    expect(github.requests.every(({ query }) => query["per_page"] === "100" && query["status"] === undefined)).toBe(true);
    expect(await missed(url)).toEqual(new Set(ids));
    expect(await sample(second, MISSED)).toBe(450);
    expect(await sample(second, "octogauge_hook_deliveries_missing")).toBe(450);
    expect(github.unexpected).toEqual([]);
  });

  it("ends at the last verified point instead of reading the whole log again", async () => {
    const { url, replica, lose, pages } = await setUpAudit();
    await addToLedger(url, await lose(950, { ago: 7_200 }));
    const fleet = await replica();
    const began = Math.floor(Date.now() / 1_000);
    await expectRest(url, 300, () => audit(fleet));
    expect(pages()).toBe(10);
    expect((await hookRow(url)).verified).toBeLessThanOrEqual(Date.now() / 1_000 - began);
    const ids = await lose(30, { ago: 1 });
    await letAuditBeDue(url);
    await audit(fleet);
    // 30 new and 70 old deliveries on the first page, then old ones only.
    expect(pages()).toBe(12);
    expect(await missed(url)).toEqual(new Set(ids));
    const verified = await sample(fleet, "octogauge_hook_last_verified_timestamp_seconds");
    expect(verified).toBeGreaterThanOrEqual(began);
    // GitHub's times are whole seconds, and the last second is included.
    expect(verified).toBeLessThanOrEqual(Date.now() / 1_000 + 1);
  });

  it("reads the last minutes before that point again, because the log is not sorted by its times", async () => {
    const { url, replica, lose } = await setUpAudit();
    const fleet = await replica();
    await audit(fleet);
    const late = [...(await lose(1, { ago: 200 })), ...(await lose(100, { ago: 250 }))];
    await letAuditBeDue(url);
    await audit(fleet);
    expect(await missed(url)).toEqual(new Set(late));
  });

  it("ignores deliveries that GitHub sent before our first one", async () => {
    const { url, replica, lose } = await setUpAudit();
    await lose(150, { ago: 3 * 86_400 - 60 });
    const ours = await lose(3, { ago: 86_400 });
    const fleet = await replica();
    await audit(fleet);
    expect(await missed(url)).toEqual(new Set(ours));
  });

  it("starts now if no delivery was ever received", async () => {
    const { github, lose, replica } = await setUpAudit();
    await lose(5);
    const empty = await freshDatabase();
    const { config } = await replica();
    const fleet = await stillFleet(
      { GITHUB_API_URL: github.url, GITHUB_TOKEN: github.token, GITHUB_HOOKS: config.GITHUB_HOOKS.map(({ name }) => name).join() },
      empty,
    );
    await audit(fleet);
    expect(await missed(empty)).toEqual(new Set());
    // The counters start at 0, so that the first loss is an increase.
    const counted = ["missed", "redelivered", "recovered", "given_up"].map((what) =>
      sample(fleet, `octogauge_hook_deliveries_${what}_total`),
    );
    expect(await Promise.all(counted)).toEqual([0, 0, 0, 0]);
  });

  it("leaves deliveries younger than AUDIT_SETTLE to the next audit", async () => {
    const { url, replica, lose } = await setUpAudit();
    const settled = await lose(1, { ago: 60 });
    const young = await lose(1, { ago: 5 });
    const patient = await replica({ AUDIT_SETTLE: "30s" });
    await audit(patient);
    expect(await missed(url)).toEqual(new Set(settled));
    await patient.close();
    await letAuditBeDue(url);
    await audit(await replica());
    expect(await missed(url)).toEqual(new Set([...settled, ...young]));
  });

  it("starts again if GitHub does not know the cursor", async () => {
    const { github, url, replica, lose, pages } = await setUpAudit();
    const ids = await lose(250);
    const fleet = await replica();
    await fleet.get(AuditLoop).runOnce();
    await rowsOf(url, "UPDATE octogauge.audited_hooks SET walk_cursor = 'v1_1'");
    await expectRest(url, 300, () => audit(fleet));
    expect(github.requests.at(-1)?.status).toBe(422);
    expect(await hookRow(url)).toMatchObject({ walk_cursor: null, failures: 1 });
    ids.push(...(await lose(1, { ago: 0 })));
    await letAuditBeDue(url);
    await audit(fleet);
    expect(pages()).toBe(2 + 3);
    expect(await missed(url)).toEqual(new Set(ids));
    expect(await hookRow(url)).toMatchObject({ failures: 0, error: "" });
  });

  it.each(["garbage", "cut", "drop", "server"] as const)("continues at its cursor after a failed answer: %s", async (fault) => {
    const { github, url, replica, lose, pages } = await setUpAudit();
    const ids = await lose(450);
    const fleet = await replica();
    for (let page = 1; page <= 3; page += 1) await fleet.get(AuditLoop).runOnce();
    github.fail(1, fault);
    await expectRest(url, 300, () => audit(fleet));
    expect(await hookRow(url)).toMatchObject({ failures: 1, walk_cursor: expect.stringMatching(/^v1_/) });
    await letAuditBeDue(url);
    await audit(fleet);
    expect(pages()).toBe(5 + 1);
    expect(await missed(url)).toEqual(new Set(ids));
  });

  it("is neither reset nor cut short by an old leader that still runs", async () => {
    const { url, replica, lose } = await setUpAudit();
    const old = await lose(250);
    const [slow, quick] = [await replica(), await replica()];
    await slow.get(AuditLoop).runOnce();
    const stale = await slow.get(HookAudits).next([HOOK]);
    const page = await slow.get(HookLog).page(slow.config.GITHUB_HOOKS[0]!, stale?.cursor ?? undefined);
    await expireLeader(url);
    // The old leader's write changes neither the cursor nor the rest.
    await expectRest(url, 300, () => audit(quick));
    const due = await rowsOf(url, "SELECT walk_cursor, due_at::text FROM octogauge.audited_hooks");
    expect(due).toEqual([{ walk_cursor: null, due_at: expect.any(String) }]);
    await slow.get(HookAudits).record(stale!, page);
    expect(await rowsOf(url, "SELECT walk_cursor, due_at::text FROM octogauge.audited_hooks")).toEqual(due);
    const fresh = await lose(120, { ago: 0 });
    await letAuditBeDue(url);
    await audit(quick);
    expect(await missed(url)).toEqual(new Set([...old, ...fresh]));
  });

  it("accepts log ids greater than 2^53 without rounding", async () => {
    const url = await freshDatabase();
    const [id, logId] = [randomUUID(), "9007199254740993"];
    await addToLedger(url, [randomUUID()], 86_400);
    const entry = `{"id": ${logId}, "guid": "${id}", "event": "push", "delivered_at": "${new Date(Date.now() - 60_000).toISOString()}"}`;
    const github = await startScripted(({ method }) => (method === "GET" ? { text: `[${entry}]` } : { status: 202, text: "{}" }));
    const fleet = await stillFleet({ GITHUB_API_URL: github.url, GITHUB_TOKEN: "t", GITHUB_HOOKS: HOOK, AUDIT_SETTLE: "0" }, url);
    await audit(fleet);
    expect(await hookRow(url)).toMatchObject({ error: "" });
    expect(await missed(url)).toEqual(new Set([id]));
    await redeliver(fleet);
    expect(github.requests.map(({ method, url }) => `${method} ${url}`)).toEqual([
      "GET /orgs/acme/hooks/7/deliveries?per_page=100",
      `POST /orgs/acme/hooks/7/deliveries/${logId}/attempts`,
    ]);
  });
});

describe("a delivery is missed", () => {
  it("once, however many attempts the log has, and is as old as its first attempt", async () => {
    const { url, replica, lose } = await setUpAudit();
    const [id] = await lose(1, { ago: 3_000 });
    await lose(150, { ago: 2_000, fate: "unsent" }).then((ids) => addToLedger(url, ids));
    await lose(2, { id: id!, ago: 1_000 });
    const fleet = await replica();
    await audit(fleet);
    expect(await sample(fleet, MISSED)).toBe(1);
    const [row] = await rowsOf<{ ago: number }>(
      url,
      "SELECT round(extract(epoch FROM now() - delivered_at) / 10) * 10::float8 AS ago FROM octogauge.missed_deliveries",
    );
    expect(row?.ago).toBe(3_000);
  });

  it("if our ledger does not have it, whatever status GitHub shows", async () => {
    const { url, replica, lose } = await setUpAudit();
    const cameAfterAll = await lose(2, { fate: "failed" });
    await addToLedger(url, cameAfterAll);
    const swallowed = await lose(2, { fate: "unsent" });
    const failed = await lose(2, { fate: "failed" });
    await addToLedger(url, await lose(2, { fate: "unsent" }));
    await audit(await replica());
    expect(await missed(url)).toEqual(new Set([...swallowed, ...failed]));
  });

  it("for each hook that has it in its log", async () => {
    const other = "repo:acme/api:8";
    const { url, replica, lose } = await setUpAudit({ hooks: [HOOK, other] });
    const both = await lose(1, { hooks: [HOOK, other] });
    const one = await lose(1, { hooks: [other] });
    const fleet = await replica();
    await audit(fleet);
    expect(await missed(url)).toEqual(new Set(both));
    expect(await missed(url, other)).toEqual(new Set([...both, ...one]));
    expect([await sample(fleet, MISSED), await sample(fleet, MISSED, `hook="${other}"`)]).toEqual([1, 2]);
  });
});

describe("hooks", () => {
  it("that are no longer configured are deleted, and new ones start", async () => {
    const other = "repo:acme/api:8";
    const { url, replica } = await setUpAudit({ hooks: [HOOK, other] });
    const before = await replica({ GITHUB_HOOKS: HOOK });
    await audit(before);
    await before.close();
    const hooks = () => rowsOf(url, "SELECT hook FROM octogauge.audited_hooks ORDER BY hook");
    const after = await replica({ GITHUB_HOOKS: other });
    await audit(after);
    // During a rollout, replicas with both configurations run.
    expect(await hooks()).toEqual([{ hook: HOOK }, { hook: other }]);
    await after.close();
    await rowsOf(url, `UPDATE octogauge.audited_hooks SET due_at = now() - interval '25 h' WHERE hook = '${HOOK}'`);
    await audit(await replica({ GITHUB_HOOKS: other }));
    expect(await hooks()).toEqual([{ hook: other }]);
  });

  it("take turns page by page, so that a long log does not delay the others", async () => {
    const other = "repo:acme/api:8";
    const { github, url, replica, lose } = await setUpAudit({ hooks: [HOOK, other] });
    await addToLedger(url, await lose(500));
    await lose(1, { hooks: [other] });
    const fleet = await replica();
    await fleet.get(AuditLoop).runOnce();
    await fleet.get(AuditLoop).runOnce();
    expect(github.requests.map(({ path }) => path)).toEqual(["/orgs/acme/hooks/7/deliveries", "/repos/acme/api/hooks/8/deliveries"]);
  });
});

/** Used heap in bytes after garbage collection. */
function usedHeap(): number {
  setFlagsFromString("--expose-gc");
  (runInNewContext("gc") as () => void)();
  return process.memoryUsage().heapUsed;
}

/** Enough that keeping all entries would take 1.4 MB. */
const PAGES = 240;
const DELIVERIES = 100 * PAGES;

describe("after an outage of a day", () => {
  it(`${DELIVERIES} deliveries are checked exactly, in ${PAGES} requests and with the memory of one page`, async () => {
    const lines = captureLogLines();
    const { github, url, replica, pages } = await setUpAudit();
    const lost: string[] = [];
    const came: string[] = [];
    for (let index = 0; index < DELIVERIES; index += 1) {
      const deliveryId = randomUUID();
      const deliveredAt = new Date(Date.now() - (86_400 - index * 3.5) * 1_000);
      const isLost = index % 5 < 2;
      (isLost ? lost : came).push(deliveryId);
      const fate = isLost && index % 2 === 0 ? "failed" : "unsent";
      await github.happen({ deliveryId, event: "workflow_job", body: "{}" }, { hooks: [HOOK], fate, deliveredAt });
    }
    await addToLedger(url, came, 86_400);
    const fleet = await replica();
    for (let page = 0; page < 20; page += 1) await fleet.get(AuditLoop).runOnce();
    const before = usedHeap();
    let most = 0;
    for (let page = 20; (await fleet.get(AuditLoop).runOnce()) === "again"; page += 1) {
      if (page % 40 === 0) most = Math.max(most, usedHeap());
    }
    most = Math.max(most, usedHeap());
    expect(pages()).toBe(PAGES);
    expect(await missed(url)).toEqual(new Set(lost));
    expect([await sample(fleet, MISSED), await sample(fleet, "octogauge_hook_deliveries_missing")]).toEqual([lost.length, lost.length]);
    expect(lines.filter((line) => line.startsWith("error"))).toEqual([]);
    // Measured: no growth at all, although the fake records each request.
    expect(most - before).toBeLessThan(1_048_576);
  });
});
