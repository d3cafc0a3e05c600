import { randomBytes, randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { Broker } from "../../src/buffer/broker.js";
import type { Delivery } from "../../src/intake/delivery.js";
import { brokerOf, BROKERS, type PreparedBroker } from "../support/brokers.js";
import { prepareNats } from "../support/nats-server.js";
import { hasRedis, prepareRedis } from "../support/redis-server.js";
import { until } from "../support/wait.js";

const deliveryWith = (body: Buffer): Delivery => ({
  id: randomUUID(),
  event: "workflow_job",
  hookId: 7,
  form: false,
  body,
  signature: `sha256=${"a".repeat(64)}`,
  receivedAt: 1_790_000_000_123,
});

const isUp = async (broker: Broker) => {
  await expect.poll(() => broker.isUp).toBe(true);
};

async function fetchAll(broker: Broker, count: number) {
  const messages: Awaited<ReturnType<Broker["fetch"]>>[number][] = [];
  await until(`${count} messages`, async () => messages.push(...(await broker.fetch())) >= count);
  return messages;
}

describe.each(BROKERS)("%s", (kind, isThere, prepare) => {
  it.skipIf(!isThere)("returns the stored bytes unchanged, and only once after their acknowledgement", async () => {
    const prepared = await prepare();
    const broker = brokerOf(prepared);
    expect(broker.isUp).toBe(false);
    await prepared.server.start();
    await isUp(broker);
    const sent = [deliveryWith(randomBytes(3_000)), { ...deliveryWith(Buffer.from("payload=%7B%7D")), form: true, hookId: null }];
    for (const delivery of sent) await broker.publish(delivery, 3_000);
    const messages = await fetchAll(broker, 2);
    expect(messages.map(({ delivery }) => delivery)).toEqual(sent);
    expect(await broker.pending()).toBe(2);
    await broker.acknowledge(messages);
    await expect.poll(() => broker.pending()).toBe(0);
    expect(await broker.fetch()).toEqual([]);
  });

  it.skipIf(!isThere)("a fetch is limited in bytes, and a body larger than the limit is still returned", async () => {
    const prepared: PreparedBroker = await (kind === "nats" ? prepareNats(33_554_432) : prepare());
    await prepared.server.start();
    const broker = brokerOf(prepared);
    await isUp(broker);
    const sizes = [6_000_000, 6_000_000, 6_000_000, 20_000_000, 100];
    for (const size of sizes) await broker.publish(deliveryWith(Buffer.alloc(size, 97)), 10_000);
    const got: number[] = [];
    await until("all messages", async () => {
      const messages = await broker.fetch();
      const bytes = messages.map(({ delivery }) => delivery!.body.length);
      expect(bytes.length === 1 || bytes.slice(0, -1).reduce((sum, size) => sum + size, 0) < 16_777_216).toBe(true);
      got.push(...bytes);
      await broker.acknowledge(messages);
      return got.length >= sizes.length;
    });
    expect(got.sort()).toEqual(sizes.sort());
  });

  it.skipIf(!isThere)("is created again after its deletion, and keeps its content after a kill", async () => {
    const prepared = await prepare();
    await prepared.server.start();
    const broker = brokerOf(prepared);
    await isUp(broker);
    await broker.publish(deliveryWith(Buffer.from("lost")), 3_000);
    await prepared.wipe();
    await broker.publish(deliveryWith(Buffer.from("one")), 3_000);
    const [one] = await fetchAll(broker, 1);
    expect(one!.delivery!.body.toString()).toBe("one");
    await prepared.server.kill();
    await expect.poll(() => broker.isUp).toBe(false);
    await expect(broker.publish(deliveryWith(Buffer.from("two")), 3_000)).rejects.toThrow("is down");
    expect(await broker.fetch()).toEqual([]);
    await prepared.server.start();
    await isUp(broker);
    await broker.publish(deliveryWith(Buffer.from("three")), 3_000);
    // Messages without an acknowledgement before the kill may be returned a second time, in any order.
    const after = await fetchAll(broker, 1);
    const bodies = () => after.map(({ delivery }) => delivery!.body.toString());
    if (!bodies().includes("three")) after.push(...(await fetchAll(broker, 1)));
    expect(bodies().filter((body) => body !== "one")).toEqual(["three"]);
    await broker.acknowledge([one!, ...after]);
    await expect.poll(() => broker.pending()).toBe(0);
  });
});

it.skipIf(!hasRedis)("a full Redis rejects new messages, returns stored ones, and accepts again once it has room", async () => {
  const redis = await prepareRedis();
  await redis.server.start();
  const broker = brokerOf(redis);
  await isUp(broker);
  await broker.publish(deliveryWith(Buffer.from("one")), 3_000);
  await redis.ask("CONFIG", "SET", "maxmemory", "1");
  await expect(broker.publish(deliveryWith(Buffer.from("two")), 3_000)).rejects.toThrow("OOM");
  await expect.poll(() => broker.isUp).toBe(false);
  const messages = await fetchAll(broker, 1);
  expect(messages.map(({ delivery }) => delivery!.body.toString())).toEqual(["one"]);
  await broker.acknowledge(messages);
  expect(await broker.pending()).toBe(0);
  await redis.ask("CONFIG", "SET", "maxmemory", "0");
  await isUp(broker);
  await broker.publish(deliveryWith(Buffer.from("three")), 3_000);
});
