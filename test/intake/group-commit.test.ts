import { randomUUID } from "node:crypto";
import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { GroupCommit } from "../../src/intake/group-commit.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";

const delivery = (id: string) => ({ id, event: "star", hookId: 1, form: false, body: Buffer.from('{"action":"created"}') });

it("of concurrent deliveries with one id, exactly one is accepted, on any number of replicas", async () => {
  const first = await stillFleet();
  const second = await stillFleet({}, first.url);
  const ids = Array.from({ length: 40 }, () => randomUUID());
  const inboxes = [first.get(GroupCommit), second.get(GroupCommit)];
  const answers = await Promise.all(ids.flatMap((id) => [0, 1, 2, 3, 4, 5].map((copy) => inboxes[copy % 2]!.accept(delivery(id)))));
  expect(answers.filter((answer) => answer === "accepted")).toHaveLength(40);
  expect(answers.filter((answer) => answer === "duplicate")).toHaveLength(200);
  expect(await rowsOf(first.url, "SELECT FROM octogauge.inbox")).toHaveLength(40);
});

it("concurrent deliveries share commits", async () => {
  const fleet = await stillFleet();
  await Promise.all(Array.from({ length: 300 }, () => fleet.get(GroupCommit).accept(delivery(randomUUID()))));
  const [row] = await rowsOf<{ transactions: number }>(
    fleet.url,
    "SELECT count(DISTINCT xmin::text)::integer AS transactions FROM octogauge.inbox",
  );
  expect(row!.transactions).toBeLessThanOrEqual(3);
});

it("a failed flush rejects its deliveries, and the next flush succeeds", async () => {
  const fleet = await stillFleet();
  await rowsOf(fleet.url, "ALTER TABLE octogauge.inbox RENAME TO away");
  const refused = await Promise.allSettled([1, 2].map(() => fleet.get(GroupCommit).accept(delivery(randomUUID()))));
  expect(refused.map((result) => result.status)).toEqual(["rejected", "rejected"]);
  // The failed flush stored nothing: the id and the payload commit in one transaction.
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.delivery_ledger")).toEqual([]);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.away RENAME TO inbox");
  expect(await fleet.get(GroupCommit).accept(delivery(randomUUID()))).toBe("accepted");
});

it("a large body does not delay small ones", async () => {
  const fleet = await stillFleet();
  const large = { ...delivery(randomUUID()), body: Buffer.alloc(2_000_000, " ") };
  // Another transaction holds the same id, so the flush of the large body waits.
  const other = new pg.Client({ connectionString: fleet.url });
  await other.connect();
  onTestFinished(() => other.end());
  await other.query("BEGIN");
  await other.query("INSERT INTO octogauge.delivery_ledger (delivery_id) VALUES ($1)", [large.id]);
  let stored = false;
  const waits = fleet
    .get(GroupCommit)
    .accept(large)
    .finally(() => (stored = true));
  expect(await fleet.get(GroupCommit).accept(delivery(randomUUID()))).toBe("accepted");
  expect(stored).toBe(false);
  await other.query("ROLLBACK");
  expect(await waits).toBe("accepted");
});
