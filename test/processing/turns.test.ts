import { expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { claim, fromTheStart } from "../../src/queue/claim.sql.js";
import { Applier } from "../../src/processing/applier.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN } from "../support/payloads.js";

const DELIVERIES = 640;
/** Of which each is read so often: enough for many turns on any machine, and state is the same. */
const COPIES = 20;

/** Counts the turns of the event loop until it is told to stop. */
function countTurns(): () => number {
  let turns = 0;
  let counts = true;
  const count = () => {
    turns += 1;
    if (counts) setImmediate(count);
  };
  setImmediate(count);
  return () => {
    counts = false;
    return turns;
  };
}

const job = (id: number) => jobPayload("completed", { ...RAN, id });

it("a batch is read in turns, so that one that holds locks need not wait for it", async () => {
  const fleet = await stillFleet();
  await Promise.all(Array.from({ length: DELIVERIES }, (_, id) => fleet.accept("workflow_job", job(id + 1))));
  let turns: number | undefined;
  await fleet.get(Database).transaction(async (transaction) => {
    const claimed = await claim(transaction, fromTheStart(DELIVERIES));
    expect(claimed).toHaveLength(DELIVERIES);
    const stop = countTurns();
    await fleet.get(Applier).apply(
      {
        query(text, values) {
          turns ??= stop();
          return transaction.query(text, values);
        },
      },
      Array.from({ length: COPIES }, () => claimed).flat(),
    );
  });
  // Before its first statement.
  expect(turns).toBeGreaterThanOrEqual(5);
  expect(turns).toBeLessThanOrEqual((DELIVERIES * COPIES) / 10);
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(new RegExp(` ${DELIVERIES}$`));
});

it("what cannot be read in any turn of a batch is buried, with its payload, and all else is counted once", async () => {
  const fleet = await stillFleet();
  const bad = [70, 350, DELIVERIES];
  for (let id = 1; id <= DELIVERIES; id += 1) await fleet.accept("workflow_job", job(bad.includes(id) ? 0 : id));
  await fleet.process();
  const good = DELIVERIES - bad.length;
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(new RegExp(` ${good}$`));
  expect((await fleet.samples("github_events_total"))[0]).toMatch(new RegExp(` ${good}$`));
  expect(
    await rowsOf(
      fleet.url,
      "SELECT source, count(*)::int AS count FROM octogauge.dead_letters WHERE pack IS NOT NULL OR payload IS NOT NULL GROUP BY 1",
    ),
  ).toEqual([{ source: "projection", count: bad.length }]);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.inbox")).toEqual([]);
});
