import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Broker } from "../../src/buffer/broker.js";
import { DrainLoop } from "../../src/buffer/drain.loop.js";
import { LiveConfig } from "../../src/config/live-config.js";
import { Database } from "../../src/database/database.js";
import { SchemaGate } from "../../src/database/schema-gate.js";
import { acceptBatch } from "../../src/intake/accept.sql.js";
import type { Delivery } from "../../src/intake/delivery.js";
import { GroupCommit } from "../../src/intake/group-commit.js";
import { Intake } from "../../src/intake/intake.js";
import { BatchIntake } from "../../src/intake/batch-intake.js";
import { FairShare } from "../../src/intake/fair-share.js";
import { HookAudits } from "../../src/reconcile/hook-audits.js";
import { brokerOf, BROKERS, type PreparedBroker } from "../support/brokers.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { Gate } from "../support/gate.js";
import { hasNats, prepareNats } from "../support/nats-server.js";
import { hasRedis, prepareRedis } from "../support/redis-server.js";
import { post, samples, sign, startInstance } from "../support/octogauge.js";
import { until } from "../support/wait.js";

const star = (id: string = randomUUID(), bytes = 0): Delivery => {
  const body = Buffer.from(JSON.stringify({ action: "created", pad: "x".repeat(bytes) }));
  return { id, event: "star", hookId: 1, form: false, body, signature: sign(body) };
};

const readiness = async (management: string) => (await fetch(`${management}/health/ready`)).status;

/** Octogauge with a running broker and a database that the test can cut off. Only its connections run by themselves. */
async function still(broker: PreparedBroker, overrides: Record<string, string> = {}) {
  const url = await freshDatabase();
  const gate = await Gate.before(url);
  const fleet = await stillFleet({ ...broker.environment, BUFFER_AFTER: "0.3", ...overrides }, gate.url);
  await expect.poll(() => fleet.get(Broker).isUp).toBe(true);
  const publish = async (count: number): Promise<string[]> => {
    const deliveries = Array.from({ length: count }, () => star());
    for (const delivery of deliveries) await fleet.get(Broker).publish({ ...delivery, receivedAt: Date.now() }, 5_000);
    return deliveries.map(({ id }) => id);
  };
  /** Drains until the ledger has this many deliveries. */
  const drainedTo = async (count: number, drain = fleet.get(DrainLoop)) => {
    const stored = async () => (await rowsOf(url, "SELECT FROM octogauge.delivery_ledger")).length;
    await until(`${count} deliveries in the ledger`, async () => {
      while ((await drain.runOnce().catch(() => "failed")) === "again");
      return (await stored()) >= count;
    });
    expect(await stored()).toBe(count);
  };
  return { ...fleet, url, gate, publish, drainedTo };
}

describe.each(BROKERS)("%s", (_, isThere, prepare) => {
  it.skipIf(!isThere)("a delivery that the database cannot store is buffered, stored after the outage, and counted once", async () => {
    const broker = await prepare();
    await broker.server.start();
    const gate = await Gate.before(await freshDatabase());
    const instance = await startInstance({ ...broker.environment }, gate.url);
    await expect.poll(async () => (await samples(instance, "octogauge_buffer_pending")).length).toBe(1);
    const ids = Array.from({ length: 12 }, () => randomUUID());
    const send = async (id: string) => (await post(instance.webhook, "star", { action: "created" }, id)).json();
    expect(await send(ids[0]!)).toEqual({ status: "accepted" });
    gate.refuse();
    for (const id of ids.slice(1)) expect(await send(id)).toEqual({ status: "accepted" });
    // The gateway cannot detect the duplicate during the outage.
    expect(await send(ids[1]!)).toEqual({ status: "accepted" });
    await expect.poll(() => readiness(instance.managementUrl)).toBe(200);
    gate.open();
    const counted = async () => samples(instance, 'github_events_total{event="star"');
    await expect.poll(counted).toEqual(['github_events_total{event="star",action="created"} 12']);
    await expect.poll(async () => await send(ids[5]!)).toEqual({ status: "duplicate" });
    await expect.poll(() => samples(instance, "octogauge_buffer_pending")).toEqual(["octogauge_buffer_pending{} 0"]);
    expect(await counted()).toEqual(['github_events_total{event="star",action="created"} 12']);
  });

  it.skipIf(!isThere)("only probes wait for a hanging database; other deliveries go to the buffer at once", async () => {
    const broker = await prepare();
    await broker.server.start();
    const fleet = await still(broker);
    const [intake, inbox] = [fleet.get(Intake), fleet.get(GroupCommit)];
    expect(await intake.accept(star())).toBe("accepted");
    fleet.gate.hang();
    await Promise.all(Array.from({ length: 40 }, () => intake.accept(star())));
    let [most, sent, probes] = [0, 0, 0];
    // A delivery that waits for BUFFER_AFTER is the probe.
    while (sent < 600 || probes < 2) {
      const began = performance.now();
      await intake.accept(star());
      if (performance.now() - began > 290) probes += 1;
      sent += 1;
      most = Math.max(most, inbox.waiting);
    }
    // Only the probe waits.
    expect(most).toBeLessThanOrEqual(1);
    fleet.gate.open();
    await expect
      .poll(async () => {
        await intake.accept(star());
        return inbox.waiting;
      })
      .toBe(0);
  });

  it.skipIf(!isThere)("if both are down the answer is 503; with the broker back, deliveries are accepted without a restart", async () => {
    const broker = await prepare();
    await broker.server.start();
    const gate = await Gate.before(await freshDatabase());
    const settings = { ...broker.environment, MODE: "gateway", REQUEST_TIMEOUT: "2", BUFFER_AFTER: "0.2" };
    const instance = await startInstance(settings, gate.url);
    await broker.server.kill();
    for (const shut of [() => gate.refuse(), () => gate.hang()]) {
      shut();
      const answer = await post(instance.webhook, "star", {});
      expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "5"]);
    }
    await expect.poll(() => readiness(instance.managementUrl)).toBe(503);
    await broker.server.start();
    await expect.poll(async () => (await post(instance.webhook, "star", {})).status).toBe(202);
    await expect.poll(() => readiness(instance.managementUrl)).toBe(200);
    // The database alone is enough as well.
    gate.open();
    await broker.server.kill();
    await expect.poll(async () => (await post(instance.webhook, "star", {})).status).toBe(202);
  });

  it.skipIf(!isThere)("a gateway starts without its database and accepts deliveries", async () => {
    const broker = await prepare();
    await broker.server.start();
    const url = await freshDatabase({ migrated: false });
    const gate = await Gate.before(url);
    gate.refuse();
    const settings = { ...broker.environment, MODE: "gateway", DATABASE_CONNECT_TIMEOUT: "0.2", BUFFER_AFTER: "0.2" };
    const instance = await startInstance(settings, gate.url);
    await expect.poll(() => readiness(instance.managementUrl)).toBe(200);
    expect((await post(instance.webhook, "star", {})).status).toBe(202);
    expect((await fetch(`${instance.managementUrl}/metrics/process`)).status).toBe(200);
    gate.open();
    await startInstance({ ...broker.environment, MODE: "worker" }, url);
    await expect.poll(() => rowsOf(url, "SELECT FROM octogauge.delivery_ledger")).toHaveLength(1);
    await expect.poll(async () => (await post(instance.webhook, "star", {})).status).toBe(202);
    await expect.poll(() => rowsOf(url, "SELECT FROM octogauge.delivery_ledger")).toHaveLength(2);
  });

  it.skipIf(!isThere)("the buffer keeps the time of receipt, and a time in the future is replaced", async () => {
    const broker = await prepare();
    await broker.server.start();
    const fleet = await still(broker, { MODE: "standalone" });
    fleet.gate.refuse();
    const late = star();
    const before = Date.now();
    await fleet.get(Intake).accept(late);
    const after = Date.now();
    const early = star();
    await fleet.get(Broker).publish({ ...early, receivedAt: Date.now() + 3_600_000 }, 5_000);
    await until("a moment after the receipt", () => Date.now() > after + 1);
    fleet.gate.open();
    await fleet.drainedTo(2);
    const rows = await rowsOf<{ id: string; at: number }>(
      fleet.url,
      "SELECT delivery_id AS id, (extract(epoch FROM received_at) * 1000)::float8 AS at FROM octogauge.inbox",
    );
    const at = new Map(rows.map((row) => [row.id, row.at]));
    expect(at.get(late.id)).toBeGreaterThanOrEqual(before);
    expect(at.get(late.id)).toBeLessThanOrEqual(after);
    expect(at.get(early.id)).toBeLessThan(Date.now() + 1_000);
  });

  it.skipIf(!isThere)("draining verifies the signature again and does not store a message of another writer", async () => {
    const broker = await prepare();
    await broker.server.start();
    const fleet = await still(broker);
    const { signature: _, ...unsigned } = star();
    for (const forged of [unsigned, { ...star(), signature: sign("something else") }, { ...star(), signature: sign(star().body, "x") }])
      await fleet.get(Broker).publish({ ...forged, receivedAt: Date.now() }, 5_000);
    const [real] = await fleet.publish(1);
    await fleet.drainedTo(1);
    expect(await rowsOf(fleet.url, "SELECT delivery_id AS id FROM octogauge.inbox")).toEqual([{ id: real }]);
  });

  it.skipIf(!isThere)("a database outage during draining loses nothing", async () => {
    const broker = await prepare();
    await broker.server.start();
    const fleet = await still(broker);
    await fleet.publish(50);
    fleet.gate.refuse();
    for (let round = 0; round < 5; round += 1)
      await fleet
        .get(DrainLoop)
        .runOnce()
        .catch(() => undefined);
    expect(await fleet.get(Broker).pending()).toBe(50);
    fleet.gate.open();
    await fleet.drainedTo(50);
    await expect.poll(() => fleet.get(Broker).pending()).toBe(0);
  });

  it.skipIf(!isThere)("a broker killed during draining loses and duplicates nothing", async () => {
    const broker = await prepare();
    await broker.server.start();
    const fleet = await still(broker);
    await fleet.publish(450);
    const acknowledge = fleet.get(Broker).acknowledge;
    let killed = 0;
    fleet.get(Broker).acknowledge = async function (this: Broker, messages) {
      killed = messages.length;
      await broker.server.kill();
      fleet.get(Broker).acknowledge = acknowledge;
      return acknowledge.call(this, messages);
    };
    await expect
      .poll(() =>
        fleet
          .get(DrainLoop)
          .runOnce()
          .then(
            () => killed,
            () => killed,
          ),
      )
      .toBeGreaterThan(0);
    await broker.server.start();
    await fleet.drainedTo(450);
    await fleet.process();
    expect(await fleet.samples('github_events_total{event="star"')).toEqual(['github_events_total{event="star",action="created"} 450']);
  });

  it.skipIf(!isThere)("a stream deleted at the broker is created again, and drained", async () => {
    const broker = await prepare();
    await broker.server.start();
    const fleet = await still(broker);
    await fleet.publish(3);
    await fleet.drainedTo(3);
    await broker.wipe();
    await fleet.publish(4);
    await fleet.drainedTo(7);
    await broker.wipe();
    await fleet.get(DrainLoop).runOnce();
    await fleet.publish(5);
    await fleet.drainedTo(12);
    await expect.poll(() => fleet.get(Broker).pending()).toBe(0);
  });

  it.skipIf(!isThere)("a delivery stored but not acknowledged before a crash is delivered again and stored once", async () => {
    const broker = await prepare();
    await broker.server.start();
    const dead = brokerOf(broker, 500);
    await expect.poll(() => dead.isUp).toBe(true);
    const fleet = await still(broker);
    await fleet.publish(20);
    const messages = await dead.fetch();
    expect(messages).toHaveLength(20);
    const batch = messages.map(({ delivery }) => fleet.get(FairShare).pendingOf(delivery!));
    await acceptBatch(
      fleet.get(Database),
      batch.slice(0, 10).sort((a, b) => (a.delivery.id < b.delivery.id ? -1 : 1)),
    );
    const successor = brokerOf(broker, 500);
    let drained = 0;
    const metrics = { drained: (count: number) => (drained += count), setBack: () => undefined };
    const drain = new DrainLoop(
      successor,
      fleet.get(BatchIntake),
      metrics as never,
      fleet.get(LiveConfig),
      fleet.get(SchemaGate),
      fleet.config,
    );
    await fleet.drainedTo(20, drain);
    expect(drained).toBe(20);
    await fleet.process();
    expect(await fleet.samples('github_events_total{event="star"')).toEqual(['github_events_total{event="star",action="created"} 20']);
    await expect.poll(() => successor.pending()).toBe(0);
  });

  it.skipIf(!isThere)("a buffered delivery does not count as missed", async () => {
    const broker = await prepare();
    await broker.server.start();
    const fleet = await still(broker);
    const audits = fleet.get(HookAudits);
    await audits.register(["org:acme:1"]);
    await fleet.publish(3);
    expect(await audits.next(["org:acme:1"])).toBeUndefined();
    await fleet.drainedTo(3);
    await expect.poll(() => audits.next(["org:acme:1"])).toMatchObject({ hook: "org:acme:1" });
  });

  it.skipIf(!isThere)("an invalid message, or data that the database rejects, stays in the buffer and delays nothing", async () => {
    const broker = await prepare();
    await broker.server.start();
    const fleet = await still(broker);
    await broker.junk();
    await rowsOf(fleet.url, "ALTER TABLE octogauge.inbox ADD CHECK (hook_id <> 666)");
    await fleet.get(Broker).publish({ ...star(), hookId: 666 }, 5_000);
    await fleet.publish(3);
    await fleet.drainedTo(3);
    await expect.poll(() => fleet.get(Broker).pending()).toBe(2);
  });
});

it.skipIf(!hasRedis)("a delivery that the database rejects for its data is not buffered, and proves that the database is up", async () => {
  const broker = await prepareRedis();
  await broker.server.start();
  const fleet = await still(broker);
  const intake = fleet.get(Intake);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.inbox ADD CHECK (hook_id <> 666)");
  await expect(intake.accept({ ...star(), hookId: 666 })).rejects.toThrow("check constraint");
  fleet.gate.refuse();
  await intake.accept(star());
  fleet.gate.open();
  // Repeat until this delivery is the probe.
  const probe = () => intake.accept({ ...star(), hookId: 666 }).catch((error: Error) => error.message);
  await expect.poll(probe).toContain("check constraint");
  const before = await fleet.get(Broker).pending();
  expect(await intake.accept(star())).toBe("accepted");
  expect(await fleet.get(Broker).pending()).toBe(before);
});

it.skipIf(!hasNats)("a body over the limit of NATS goes only to the database", async () => {
  const broker = await prepareNats(65_536);
  await broker.server.start();
  const fleet = await still(broker);
  const intake = fleet.get(Intake);
  // The limit is exact to the byte, headers included.
  fleet.gate.refuse();
  const dated = (bytes: number) => ({ ...star(randomUUID(), bytes), receivedAt: Date.now() });
  let [fits, over] = [0, 70_000];
  while (over - fits > 1) {
    const middle = Math.floor((fits + over) / 2);
    if (fleet.get(Broker).fits(dated(middle))) fits = middle;
    else over = middle;
  }
  await fleet.get(Broker).publish(dated(fits), 5_000);
  expect(fits).toBeGreaterThan(65_000);
  await expect(fleet.get(Broker).publish(dated(over), 5_000)).rejects.toThrow("max_payload");
  await expect(intake.accept(star(randomUUID(), over))).rejects.toThrow(/connection/i);
  fleet.gate.open();
  await expect.poll(async () => intake.accept(star(randomUUID(), over)).catch(() => "refused")).toBe("accepted");
  expect(await fleet.get(Broker).pending()).toBe(1);
});
