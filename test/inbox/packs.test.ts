import { randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { claim, claimOne } from "../../src/inbox/claim.sql.js";
import { discardDeadLetters, readDeadLetter, replayDeadLetters } from "../../src/inbox/dead-letter-review.sql.js";
import { bury } from "../../src/inbox/dead-letters.sql.js";
import { GroupCommit } from "../../src/inbox/group-commit.js";
import { offsetsOf, packOf, unpack } from "../../src/inbox/pack.js";
import { PackRetention } from "../../src/inbox/pack-retention.loop.js";
import { setAside, startAttempt, take } from "../../src/inbox/retries.sql.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { storedPayloads } from "../support/stored-payloads.js";

type Fleet = Awaited<ReturnType<typeof stillFleet>>;

const CAUSE = { source: "apply", errorClass: "23514", message: "refused" } as const;

const accept = (fleet: Fleet, body: Buffer, id: string = randomUUID()) =>
  fleet.get(GroupCommit).accept({ id, event: "star", hookId: 1, form: false, body });
const countPacks = async (fleet: Fleet) => (await rowsOf(fleet.url, "SELECT FROM octogauge.payload_packs")).length;
const prune = async (fleet: Fleet) => {
  while ((await fleet.get(PackRetention).runOnce()) === "again");
};
const inboxKeys = (fleet: Fleet) =>
  rowsOf<{ id: string; priority: number; seq: string }>(
    fleet.url,
    "SELECT delivery_id::text AS id, priority, seq::text AS seq FROM octogauge.inbox ORDER BY delivery_id",
  );

it("what was packed comes out as it was, whatever it was", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.uint8Array({ maxLength: 3_000 }), { minLength: 1, maxLength: 20 }), async (arrays) => {
      const bodies = arrays.map((bytes) => Buffer.from(bytes));
      const whole = await unpack(await packOf(bodies));
      const offsets = offsetsOf(bodies);
      expect(whole.length).toBe(bodies.reduce((sum, { length }) => sum + length, 0));
      bodies.forEach((body, index) => expect(whole.subarray(offsets[index], offsets[index]! + body.length)).toEqual(body));
    }),
    { numRuns: 50 },
  );
});

it("deliveries of one flush share a pack, and each payload is its own, also beside one of megabytes", async () => {
  const fleet = await stillFleet();
  const bodies = new Map(
    [0, 1, 10, 9_000, 70_000, 1_000_000, 1_500_000, 3_000_000].map((length) => [randomUUID() as string, randomBytes(length)]),
  );
  await Promise.all([...bodies].map(([id, body]) => accept(fleet, body, id)));
  // One for the small ones, one for those that have a queue of their own.
  expect(await countPacks(fleet)).toBe(2);
  const stored = await storedPayloads(fleet.url, "inbox");
  expect(new Map([...stored].sort())).toEqual(new Map([...bodies].sort()));
});

it("duplicates alone leave no pack, and one among new ones leaves them theirs", async () => {
  const fleet = await stillFleet();
  const id = randomUUID();
  await accept(fleet, Buffer.from("first"), id);
  expect(await accept(fleet, Buffer.from("again"), id)).toBe("duplicate");
  expect(await countPacks(fleet)).toBe(1);
  const other = randomUUID();
  expect(await Promise.all([accept(fleet, Buffer.from("again, longer"), id), accept(fleet, Buffer.from("other"), other)])).toEqual([
    "duplicate",
    "accepted",
  ]);
  expect(Object.fromEntries(await storedPayloads(fleet.url, "inbox"))).toEqual({
    [id]: Buffer.from("first"),
    [other]: Buffer.from("other"),
  });
});

it("a pack is kept while any delivery of it waits, is retried or is dead, and no longer", async () => {
  const fleet = await stillFleet();
  const database = fleet.get(Database);
  await Promise.all(["a", "b", "c"].map((text) => accept(fleet, Buffer.from(text))));
  const [first, second, third] = await inboxKeys(fleet);
  const packsAfter = async () => {
    await prune(fleet);
    return countPacks(fleet);
  };
  expect(await packsAfter()).toBe(1);
  await database.transaction((transaction) => claimOne(transaction, first!));
  expect(await packsAfter()).toBe(1);
  await setAside(database, [second!], CAUSE, 1, 0);
  await database.transaction(async (transaction) => {
    for (const dead of await claimOne(transaction, third!)) await bury(transaction, dead, CAUSE);
  });
  expect(await inboxKeys(fleet)).toEqual([]);
  expect(await packsAfter()).toBe(1);
  const attempt = await startAttempt(database, 60);
  await database.transaction((transaction) => take(transaction, attempt!));
  expect(await packsAfter()).toBe(1);
  expect((await readDeadLetter(database, third!.id))?.payload.length).toBe(1);
  expect(await replayDeadLetters(database, {}, 10)).toBe(1);
  expect(await packsAfter()).toBe(1);
  expect((await storedPayloads(fleet.url, "inbox")).size).toBe(1);
  await database.transaction((transaction) => claim(transaction, 10, undefined, undefined));
  expect(await packsAfter()).toBe(1 - 1);
});

it("a claim that is rolled back finds its payload again, though nobody needed it meanwhile", async () => {
  const fleet = await stillFleet();
  const database = fleet.get(Database);
  await accept(fleet, Buffer.from("a"));
  const [key] = await inboxKeys(fleet);
  await expect(
    database.transaction(async (transaction) => {
      const [claimed] = await claimOne(transaction, key!);
      await prune(fleet);
      expect(claimed?.payload).toEqual(Buffer.from("a"));
      throw new Error("undone");
    }),
  ).rejects.toThrow("undone");
  await prune(fleet);
  expect([...(await storedPayloads(fleet.url, "inbox")).values()]).toEqual([Buffer.from("a")]);
});

it("thousands of packs that are needed do not hide those behind them that are not", async () => {
  const fleet = await stillFleet();
  await rowsOf(
    fleet.url,
    `WITH packs AS (INSERT INTO octogauge.payload_packs (bytes) SELECT '' FROM generate_series(1, 3500) RETURNING pack)
     INSERT INTO octogauge.inbox (priority, delivery_id, event, form, pack, pack_offset, bytes)
     SELECT 0, gen_random_uuid(), 'star', false, pack, 0, 0 FROM packs WHERE pack <= 2500 AND pack % 1000 <> 7`,
  );
  await prune(fleet);
  expect(await countPacks(fleet)).toBe(2_497);
});

const [ACCEPT, CLAIM, SET_ASIDE, RETRY, BURY, REPLAY, DISCARD, PRUNE] = [0, 1, 2, 3, 4, 5, 6, 7];

it("whatever is done in whatever order, each delivery that is left has its payload, and in the end no pack is left over", async () => {
  const fleet = await stillFleet();
  const database = fleet.get(Database);
  const bodies = new Map<string, Buffer>();
  const some = async (limit: number) => (await inboxKeys(fleet)).slice(0, limit);
  const steps: Readonly<Record<number, (limit: number) => Promise<unknown>>> = {
    [ACCEPT!]: (limit) =>
      Promise.all(
        Array.from({ length: limit }, () => {
          const [id, body] = [randomUUID(), randomBytes(40)];
          bodies.set(id, body);
          return accept(fleet, body, id);
        }),
      ),
    [CLAIM!]: (limit) => database.transaction((transaction) => claim(transaction, limit)),
    [SET_ASIDE!]: async (limit) => setAside(database, await some(limit), CAUSE, 1, 0),
    async [RETRY!]() {
      const attempt = await startAttempt(database, 0);
      if (attempt) await database.transaction((transaction) => take(transaction, attempt));
    },
    async [BURY!](limit) {
      for (const key of await some(limit))
        await database.transaction(async (transaction) => {
          for (const dead of await claimOne(transaction, key)) await bury(transaction, dead, CAUSE);
        });
    },
    [REPLAY!]: (limit) => replayDeadLetters(database, {}, limit),
    [DISCARD!]: (limit) => discardDeadLetters(database, {}, limit),
    [PRUNE!]: () => prune(fleet),
  };
  const step = fc.tuple(fc.constantFrom(...Object.keys(steps).map(Number)), fc.integer({ min: 1, max: 6 }));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (history) => {
      for (const [kind, limit] of history) await steps[kind]!(limit);
      await prune(fleet);
      for (const table of ["inbox", "retries", "dead_letters"] as const)
        for (const [id, payload] of await storedPayloads(fleet.url, table)) expect(payload).toEqual(bodies.get(id));
      const needed =
        "SELECT DISTINCT pack FROM (SELECT pack FROM octogauge.inbox UNION SELECT pack FROM octogauge.retries UNION SELECT pack FROM octogauge.dead_letters) r";
      expect(await countPacks(fleet)).toBe((await rowsOf(fleet.url, needed)).length);
    }),
    { numRuns: 40 },
  );
});

it("rows from before there were packs keep their payloads on all their ways", async () => {
  const fleet = await stillFleet();
  const database = fleet.get(Database);
  await rowsOf(
    fleet.url,
    `INSERT INTO octogauge.inbox (priority, delivery_id, event, form, payload) SELECT 0, gen_random_uuid(), 'star', false, 'old' FROM generate_series(1, 3)`,
  );
  const [first, second, third] = await inboxKeys(fleet);
  await setAside(database, [first!], CAUSE, 1, 0);
  for (const key of [second!, third!])
    await database.transaction(async (transaction) => {
      for (const dead of await claimOne(transaction, key)) await bury(transaction, dead, CAUSE);
    });
  await replayDeadLetters(database, { ids: [third!.id] }, 1);
  for (const table of ["inbox", "retries", "dead_letters"] as const)
    expect([...(await storedPayloads(fleet.url, table)).values()]).toEqual([Buffer.from("old")]);
  expect(await readDeadLetter(database, second!.id)).toMatchObject({ bytes: 3, payload: Buffer.from("old") });
});
