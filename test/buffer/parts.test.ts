import { expect, it } from "vitest";
import { Breaker } from "../../src/buffer/breaker.js";
import { deliveryOf, fieldsOf } from "../../src/buffer/message.js";
import { serversOf } from "../../src/buffer/nats-servers.js";
import { type DeliveryHeaders, readHeaders } from "../../src/ingest/headers.js";
import type { Pending } from "../../src/intake/accept.sql.js";
import type { Delivery } from "../../src/intake/delivery.js";
import { FlushQueue } from "../../src/intake/flush-queue.js";

const delivery: Delivery = {
  id: "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
  event: "star",
  hookId: 7,
  form: false,
  body: Buffer.from("{}"),
  signature: "sha256=00",
  receivedAt: 5,
};

it("an open circuit breaker lets about one delivery per second through, until one succeeds", () => {
  let now = 0;
  const breaker = new Breaker(() => now);
  expect([breaker.admits(true), breaker.admits(false)]).toEqual([true, true]);
  breaker.failed();
  expect(breaker.admits(true)).toBe(false);
  now += 1_300;
  // A large body gives no result for the breaker.
  expect(breaker.admits(false)).toBe(false);
  expect([breaker.admits(true), breaker.admits(true)]).toEqual([true, false]);
  now += 60_000;
  expect(breaker.admits(true)).toBe(false);
  breaker.failed();
  now += 1_300;
  expect(breaker.admits(true)).toBe(true);
  breaker.succeeded();
  expect([breaker.admits(true), breaker.admits(true)]).toEqual([true, true]);
});

it("a message keeps every hook id that ingest accepts", () => {
  for (const hook of ["1", "123456789012345", "1234567890123456", "9007199254740991"]) {
    const { hookId } = readHeaders({
      "content-type": "application/json",
      "x-github-delivery": delivery.id,
      "x-github-event": "star",
      "x-github-hook-id": hook,
    }) as DeliveryHeaders;
    const fields = fieldsOf({ ...delivery, hookId });
    expect(deliveryOf((name) => fields[name], delivery.body)?.hookId).toBe(Number(hook));
  }
});

it("a message in another format is rejected", () => {
  const read = (fields: Record<string, string>) => deliveryOf((name) => fields[name], delivery.body);
  const fields = fieldsOf(delivery);
  expect(read(fields)).toEqual(delivery);
  for (const [name, value] of [
    ["X-GitHub-Delivery", "one"],
    ["X-GitHub-Event", "No Event"],
    ["X-GitHub-Hook-ID", "x"],
    ["Content-Type", "text/plain"],
    ["Octogauge-Received-At", "1e99"],
  ] as const) {
    expect(read({ ...fields, [name]: value })).toBeUndefined();
  }
});

it("NATS credentials are read from the addresses", () => {
  expect(serversOf(["nats://a", "nats://b:5"])).toEqual({ servers: ["a:4222", "b:5"] });
  expect(serversOf(["tls://me:p%40ss@a", "tls://b"])).toEqual({ servers: ["a:4222", "b:4222"], user: "me", pass: "p@ss", tls: {} });
  expect(serversOf(["nats://token@a"])).toEqual({ servers: ["a:4222"], token: "token" });
});

it("a request that times out leaves the queue, unless its flush is already in progress", async () => {
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  let begin!: () => void;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const stored: string[] = [];
  const queue = new FlushQueue({
    size: 1,
    bytes: 1_000,
    async store(batch) {
      begin();
      await held;
      stored.push(...batch.map((pending) => pending.delivery.id));
      return new Set();
    },
  });
  const given = new AbortController();
  const add = (id: string): Promise<string> => {
    const pending: Pending = { delivery: { ...delivery, id }, projection: null, priority: 0 };
    return queue.add(pending, given.signal).catch((error: unknown) => String(error));
  };
  const answers = [add("a"), add("b"), add("c")];
  await begun;
  given.abort("given up");
  expect(queue.length).toBe(0);
  release();
  expect(await Promise.all(answers)).toEqual(["accepted", "given up", "given up"]);
  expect(stored).toEqual(["a"]);
});
