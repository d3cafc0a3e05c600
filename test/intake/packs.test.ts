import { createHash, randomBytes, randomUUID } from "node:crypto";
import fc from "fast-check";
import { expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { claim, fromTheStart, claimOne } from "../../src/queue/claim.sql.js";
import { discardDeadLetters, readDeadLetter, replayDeadLetters } from "../../src/dead-letters/review.sql.js";
import { addDeadLetter } from "../../src/dead-letters/dead-letters.sql.js";
import { GroupCommit } from "../../src/intake/group-commit.js";
import { offsetsOf, packOf, unpack } from "../../src/intake/pack.js";
import { PackRetention } from "../../src/intake/pack-retention.loop.js";
import { setAside, startAttempt, take } from "../../src/dead-letters/retries.sql.js";
import { BatchProcessor } from "../../src/processing/batch-processor.js";
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

it("unpacking returns the packed bytes unchanged", async () => {
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

it("packs compressed at the same time do not mix, in the event loop or in a worker thread", async () => {
  // From 4 MiB on, a worker thread compresses.
  const lengths = [1, 70_000, 4_194_303, 4_194_304, 4_194_303, 5_000_000, 0, 9_000];
  const all = lengths.map((length) => [randomBytes(Math.floor(length / 2)), randomBytes(Math.ceil(length / 2))]);
  const packs = await Promise.all(all.map((bodies) => packOf(bodies)));
  for (const [index, pack] of packs.entries()) expect((await unpack(pack)).equals(Buffer.concat(all[index]!))).toBe(true);
});

it("deliveries of one flush share a pack and keep their own payloads, also next to a payload of megabytes", async () => {
  const fleet = await stillFleet();
  const bodies = new Map(
    [0, 1, 10, 9_000, 70_000, 1_000_000, 1_500_000, 3_000_000].map((length) => [randomUUID() as string, randomBytes(length)]),
  );
  await Promise.all([...bodies].map(([id, body]) => accept(fleet, body, id)));
  // One pack for the small bodies, one for the large bodies, which have their own queue.
  expect(await countPacks(fleet)).toBe(2);
  // Compares digests, because comparing megabytes element by element takes half a minute.
  const digests = (payloads: ReadonlyMap<string, Buffer | null>) =>
    Object.fromEntries([...payloads].map(([id, bytes]) => [id, createHash("sha256").update(bytes!).digest("hex")]));
  expect(digests(await storedPayloads(fleet.url, "inbox"))).toEqual(digests(bodies));
});

it("duplicates alone leave no pack, and a duplicate among new deliveries leaves their payloads intact", async () => {
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

it("a pack exists exactly as long as one of its deliveries waits or is retried", async () => {
  const fleet = await stillFleet();
  const database = fleet.get(Database);
  const bodies = new Map(["a", "b", "c"].map((text) => [randomUUID() as string, Buffer.from(text)]));
  await Promise.all([...bodies].map(([id, body]) => accept(fleet, body, id)));
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
    for (const dead of await claimOne(transaction, third!)) await addDeadLetter(transaction, dead, CAUSE);
  });
  expect(await inboxKeys(fleet)).toEqual([]);
  expect(await packsAfter()).toBe(1);
  const attempt = await startAttempt(database, 60);
  const [taken] = await database.transaction((transaction) => take(transaction, attempt!));
  expect(taken?.payload).toEqual(bodies.get(second!.id));
  // The dead letter has its own copy of its payload, so the pack is no longer needed.
  expect(await packsAfter()).toBe(0);
  expect((await readDeadLetter(database, third!.id))?.payload).toEqual(bodies.get(third!.id));
  expect(await replayDeadLetters(database, {}, 10)).toBe(1);
  expect(Object.fromEntries(await storedPayloads(fleet.url, "inbox"))).toEqual({ [third!.id]: bodies.get(third!.id) });
});

it("if a pack is broken or missing, deliveries with a projection are counted and all others become dead letters with that error", async () => {
  const fleet = await stillFleet();
  const deliver = async (spoil: string) => {
    // The first delivery has no projection, because it contains a name twice.
    await Promise.all([`{"action":"x","action":"y"}`, `{"action":"created"}`].map((text) => accept(fleet, Buffer.from(text))));
    await rowsOf(fleet.url, spoil);
    await fleet.process();
  };
  await deliver("UPDATE octogauge.payload_packs SET bytes = 'no brotli'");
  await deliver("DELETE FROM octogauge.payload_packs WHERE pack = (SELECT max(pack) FROM octogauge.payload_packs)");
  await deliver("UPDATE octogauge.inbox SET pack_offset = 1000000");
  expect(await fleet.samples("github_events_total")).toEqual(['github_events_total{event="star",action="created"} 3']);
  const dead = await rowsOf<{ id: string; error: string }>(fleet.url, "SELECT delivery_id::text AS id, error FROM octogauge.dead_letters");
  expect(dead.map(({ error }) => error)).toEqual(
    Array(3).fill(expect.stringMatching(/^the body cannot be read: pack \d+ is corrupt or missing$/)),
  );
  expect((await readDeadLetter(fleet.get(Database), dead[0]!.id))?.payload).toBeNull();
  // A broken pack is kept for repair.
  await prune(fleet);
  expect(await countPacks(fleet)).toBe(2);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.inbox UNION ALL SELECT FROM octogauge.retries")).toEqual([]);
});

it("packs that are deleted continuously are never deleted too early", async () => {
  const fleet = await stillFleet();
  const bodies = new Map<string, Buffer>();
  const over = new AbortController();
  const pruning = (async () => {
    while (!over.signal.aborted) await prune(fleet);
  })();
  const processing = [0, 1].map(async () => {
    const name = randomUUID();
    while (!over.signal.aborted) await fleet.get(BatchProcessor).processBatch(name);
  });
  for (let round = 0; round < 30; round += 1)
    await Promise.all(
      Array.from({ length: 10 }, (_, index) => {
        const id = randomUUID();
        bodies.set(id, Buffer.from(`not JSON, ${round}, ${index}`));
        return accept(fleet, bodies.get(id)!, id);
      }),
    );
  await expect.poll(async () => (await rowsOf(fleet.url, "SELECT FROM octogauge.dead_letters")).length).toBe(bodies.size);
  over.abort();
  await Promise.all([pruning, ...processing]);
  expect(await storedPayloads(fleet.url, "dead_letters")).toEqual(new Map([...bodies].sort()));
  await prune(fleet);
  expect(await countPacks(fleet)).toBe(0);
});

it("a claim that is rolled back still finds its payload after pack retention ran", async () => {
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

it("retention also deletes unused packs that follow thousands of used ones", async () => {
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

const [ACCEPT, CLAIM, SET_ASIDE, RETRY, DEAD_LETTER, REPLAY, DISCARD, PRUNE] = [0, 1, 2, 3, 4, 5, 6, 7];

it("after any order of operations, every remaining delivery has its payload and no unused pack remains", async () => {
  const fleet = await stillFleet();
  const database = fleet.get(Database);
  const bodies = new Map<string, Buffer>();
  const some = async (limit: number) => (await inboxKeys(fleet)).slice(0, limit);
  let removed = 0;
  // Each step returns the number of deliveries that it removed.
  const steps: Readonly<Record<number, (limit: number) => Promise<number | void>>> = {
    async [ACCEPT!](limit) {
      await Promise.all(
        Array.from({ length: limit }, () => {
          const [id, body] = [randomUUID(), randomBytes(40)];
          bodies.set(id, body);
          return accept(fleet, body, id);
        }),
      );
    },
    [CLAIM!]: async (limit) => (await database.transaction((transaction) => claim(transaction, fromTheStart(limit)))).length,
    [SET_ASIDE!]: async (limit) => setAside(database, await some(limit), CAUSE, 1, 0),
    async [RETRY!]() {
      const attempt = await startAttempt(database, 0);
      return attempt && (await database.transaction((transaction) => take(transaction, attempt))).length;
    },
    async [DEAD_LETTER!](limit) {
      for (const key of await some(limit))
        await database.transaction(async (transaction) => {
          for (const dead of await claimOne(transaction, key)) await addDeadLetter(transaction, dead, CAUSE);
        });
    },
    async [REPLAY!](limit) {
      await replayDeadLetters(database, {}, limit);
    },
    [DISCARD!]: (limit) => discardDeadLetters(database, {}, limit),
    [PRUNE!]: () => prune(fleet),
  };
  const step = fc.tuple(fc.constantFrom(...Object.keys(steps).map(Number)), fc.integer({ min: 1, max: 6 }));
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (history) => {
      for (const [kind, limit] of history) removed += Number((await steps[kind]!(limit)) ?? 0);
      await prune(fleet);
      const left = await rowsOf(
        fleet.url,
        `SELECT delivery_id FROM octogauge.inbox UNION ALL SELECT delivery_id FROM octogauge.retries UNION ALL SELECT delivery_id FROM octogauge.dead_letters`,
      );
      expect(left).toHaveLength(bodies.size - removed);
      for (const table of ["inbox", "retries", "dead_letters"] as const)
        for (const [id, payload] of await storedPayloads(fleet.url, table)) expect(payload).toEqual(bodies.get(id));
      const needed =
        "SELECT DISTINCT pack FROM (SELECT pack FROM octogauge.inbox UNION SELECT pack FROM octogauge.retries UNION SELECT pack FROM octogauge.dead_letters) r WHERE pack IS NOT NULL";
      expect(await countPacks(fleet)).toBe((await rowsOf(fleet.url, needed)).length);
    }),
    { numRuns: 40 },
  );
});

it("rows from versions without packs keep their payloads in every table", async () => {
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
      for (const dead of await claimOne(transaction, key)) await addDeadLetter(transaction, dead, CAUSE);
    });
  await replayDeadLetters(database, { ids: [third!.id] }, 1);
  for (const table of ["inbox", "retries", "dead_letters"] as const)
    expect([...(await storedPayloads(fleet.url, table)).values()]).toEqual([Buffer.from("old")]);
  expect(await readDeadLetter(database, second!.id)).toMatchObject({ bytes: 3, payload: Buffer.from("old") });
});
