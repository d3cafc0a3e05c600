import { expect, it, onTestFinished, vi } from "vitest";
import { Database } from "../../src/database/database.js";
import { claim, fromTheStart } from "../../src/queue/claim.sql.js";
import { Applier } from "../../src/processing/applier.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN } from "../support/payloads.js";

const DELIVERIES = 640;

const job = (id: number) => jobPayload("completed", { ...RAN, id });

it("parsing a batch yields to the event loop, so that a batch that holds locks does not wait for it", async () => {
  const fleet = await stillFleet();
  const few = 5;
  for (let id = 1; id <= few; id += 1) await fleet.accept("workflow_job", job(id));
  // The clock advances 2 ms per reading, so the parser yields after each delivery.
  let now = performance.now();
  const clock = vi.spyOn(performance, "now");
  onTestFinished(() => clock.mockRestore());
  let hasYielded = false;
  let yieldedBeforeFirstStatement: boolean | undefined;
  await fleet.get(Database).transaction(async (transaction) => {
    const claimed = await claim(transaction, fromTheStart(few));
    expect(claimed).toHaveLength(few);
    clock.mockImplementation(() => (now += 2));
    setImmediate(() => (hasYielded = true));
    await fleet.get(Applier).apply(
      {
        query(text, values) {
          yieldedBeforeFirstStatement ??= hasYielded;
          return transaction.query(text, values);
        },
      },
      claimed,
    );
    clock.mockRestore();
  });
  // The other callback ran before the first statement of the batch.
  expect(yieldedBeforeFirstStatement).toBe(true);
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(new RegExp(` ${few}$`));
});

it("unreadable deliveries anywhere in a large batch become dead letters with their payload, and all others are counted once", async () => {
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
