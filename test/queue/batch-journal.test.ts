import { randomUUID } from "node:crypto";
import pg from "pg";
import { expect, it, onTestFinished } from "vitest";
import { Database } from "../../src/database/database.js";
import { BatchJournal } from "../../src/queue/batch-journal.js";
import { explainAll } from "../plans/explain.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";

const rows = (...seqs: number[]) => seqs.map((seq) => ({ priority: 0, seq: String(seq) }));
const seqsOf = (found: readonly { seq: string }[]) => found.map(({ seq }) => Number(seq));

async function setUp() {
  const fleet = await stillFleet();
  const journal = fleet.get(BatchJournal);
  const begin = async (worker: string, ...seqs: number[]) => seqsOf(await journal.begin(worker, rows(...seqs)));
  return { fleet, journal, begin, workers: [randomUUID(), randomUUID(), randomUUID()] as const };
}

it("the journal reports the rows that another worker began, however old its entry is", async () => {
  const { begin, workers } = await setUp();
  const [one, other, dead] = workers;
  expect(await begin(one, 1, 2, 3)).toEqual([]);
  expect(await begin(dead, 10, 11, 14)).toEqual([]);
  for (let batch = 2; batch < 12; batch += 1) {
    expect(await begin(one, batch * 100, batch * 100 + 1)).toEqual([]);
    expect(await begin(other, batch * 100 + 2)).toEqual([]);
  }
  expect(await begin(one, 9, 10, 12, 13, 14, 2_000)).toEqual([10, 14]);
  expect(await begin(other, 11)).toEqual([11]);
});

it("the journal reports neither a worker's own entries nor entries that were removed", async () => {
  const { begin, journal, workers } = await setUp();
  const [one, other] = workers;
  await begin(one, 1, 2);
  expect(await begin(one, 2, 3)).toEqual([]);
  await journal.giveBack(one);
  expect(await begin(other, 1, 2, 3)).toEqual([]);
});

it("the journal keeps one entry per worker, also after a failed write, and drops entries after a day", async () => {
  const { fleet, begin, workers } = await setUp();
  const [one, other, dead] = workers;
  const entries = () => rowsOf<{ worker: string }>(fleet.url, "SELECT worker::text FROM octogauge.begun_batches ORDER BY xid");
  await begin(dead, 1);
  await begin(one, 2);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.begun_batches RENAME TO away");
  await expect(begin(one, 3)).rejects.toThrow(/begun_batches/);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.away RENAME TO begun_batches");
  await begin(one, 4);
  await begin(one, 5);
  await begin(other, 6);
  expect(await entries()).toEqual([{ worker: dead }, { worker: one }, { worker: other }]);
  await rowsOf(fleet.url, "UPDATE octogauge.begun_batches SET began_at = now() - interval '25 hours' WHERE worker = $1", [dead]);
  expect(await begin(other, 1)).toEqual([]);
  expect(await entries()).toEqual([{ worker: one }, { worker: other }]);
});

it("reading the journal skips deleted entries that an old snapshot keeps from being vacuumed", async () => {
  const { fleet, begin, workers } = await setUp();
  const [one, other, dead] = workers;
  const reader = new pg.Client({ connectionString: fleet.url });
  await reader.connect();
  onTestFinished(() => reader.end());
  await reader.query("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT");
  await begin(dead, 1);
  await begin(one, 2);
  await begin(other, 3);
  await rowsOf(
    fleet.url,
    `DO $$ BEGIN FOR i IN 1..4000 LOOP
       INSERT INTO octogauge.begun_batches (worker, seqs) VALUES ('${dead}', '{[5,6]}'); DELETE FROM octogauge.begun_batches WHERE seqs = '{[5,6]}'; COMMIT;
     END LOOP; END $$`,
  );
  // Like autovacuum: it can remove nothing, but it updates the statistics.
  await rowsOf(fleet.url, "VACUUM octogauge.begun_batches");
  await begin(one, 7);
  const plans = explainAll(fleet.get(Database));
  expect(await begin(one, 1, 8)).toEqual([1]);
  const walked = plans.find(({ text }) => text.includes("INSERT INTO octogauge.begun_batches"))!;
  expect(walked.buffers).toBeLessThan(60);
  expect(walked.wholeTables).toEqual([]);
});
