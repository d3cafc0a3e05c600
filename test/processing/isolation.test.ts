import { expect, it } from "vitest";
import { BatchProcessor } from "../../src/processing/batch-processor.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN } from "../support/payloads.js";

it("a row that the database refuses is a dead letter, and its neighbours are counted", async () => {
  const fleet = await stillFleet();
  await rowsOf(fleet.url, "ALTER TABLE octogauge.workflow_jobs ADD CONSTRAINT refused CHECK (job_id <> 3)");
  for (let id = 1; id <= 5; id += 1) await fleet.accept("workflow_job", jobPayload("completed", { ...RAN, id }));
  await fleet.process();
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(/ 4$/);
  expect((await fleet.samples("github_events_total"))[0]).toMatch(/ 4$/);
  const dead = await rowsOf(fleet.url, `SELECT event, source, error_class, error, payload <> '' AS kept FROM octogauge.dead_letters`);
  expect(dead).toEqual([
    { event: "workflow_job", source: "apply", error_class: "23514", error: expect.stringContaining("refused"), kept: true },
  ]);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.inbox")).toEqual([]);
});

it("a transient error puts the whole batch back and buries nothing", async () => {
  const fleet = await stillFleet();
  for (let id = 1; id <= 3; id += 1) await fleet.accept("workflow_job", jobPayload("completed", { ...RAN, id }));
  await rowsOf(fleet.url, "ALTER TABLE octogauge.counter_series RENAME TO away");
  await expect(fleet.process()).rejects.toThrow(/counter_series/);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.inbox")).toHaveLength(3);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.workflow_jobs")).toEqual([]);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.away RENAME TO counter_series");
  await fleet.process();
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(/ 3$/);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.dead_letters")).toEqual([]);
});

it("a form is read like its JSON", async () => {
  const fleet = await stillFleet();
  const { GroupCommit } = await import("../../src/inbox/group-commit.js");
  const body = Buffer.from(new URLSearchParams({ payload: JSON.stringify(jobPayload("completed", RAN)) }).toString());
  await fleet
    .get(GroupCommit)
    .accept({ id: "11111111-2222-1333-8444-555555555555", event: "workflow_job", hookId: null, form: true, body });
  await fleet.process();
  expect(await fleet.samples("github_workflow_jobs_completed_total")).toHaveLength(1);
});

it("takes no more bytes of unprojected payloads at once than fit, and comes to the rest", async () => {
  const fleet = await stillFleet();
  await rowsOf(
    fleet.url,
    `INSERT INTO octogauge.inbox (priority, delivery_id, event, form, projection, payload)
     SELECT 0, gen_random_uuid(), 'workflow_job', false, NULL, convert_to(repeat('x', 10000000), 'UTF8') FROM generate_series(1, 5)`,
  );
  const taken = [];
  for (let batch = -1; batch !== 0; taken.push(batch)) batch = await fleet.get(BatchProcessor).processBatch();
  expect(taken).toEqual([2, 2, 1, 0]);
  expect(await rowsOf(fleet.url, "SELECT DISTINCT error FROM octogauge.dead_letters")).toEqual([{ error: "the body is not JSON" }]);
});
