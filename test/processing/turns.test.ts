import { expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { claim } from "../../src/inbox/claim.sql.js";
import { Applier } from "../../src/processing/applier.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN } from "../support/payloads.js";

const DELIVERIES = 640;

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

it("a batch is read in turns, so that one that holds locks need not wait for it", async () => {
  const fleet = await stillFleet();
  await Promise.all(
    Array.from({ length: DELIVERIES }, (_, id) => fleet.accept("workflow_job", jobPayload("completed", { ...RAN, id: id + 1 }))),
  );
  let turns: number | undefined;
  await fleet.get(Database).transaction(async (transaction) => {
    const claimed = await claim(transaction, DELIVERIES);
    expect(claimed).toHaveLength(DELIVERIES);
    const stop = countTurns();
    await fleet.get(Applier).apply(
      {
        query(text, values) {
          turns ??= stop();
          return transaction.query(text, values);
        },
      },
      claimed,
    );
  });
  // Before its first statement.
  expect(turns).toBeGreaterThanOrEqual(DELIVERIES / 100);
  expect(turns).toBeLessThanOrEqual(DELIVERIES / 10);
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(new RegExp(` ${DELIVERIES}$`));
});
