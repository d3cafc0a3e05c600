import { expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { startAttempt, take } from "../../src/dead-letters/retries.sql.js";
import { rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { jobPayload, RAN } from "../support/payloads.js";
import { storedPayloads } from "../support/stored-payloads.js";

const refuseJob3 = (url: string) => rowsOf(url, "ALTER TABLE octogauge.workflow_jobs ADD CONSTRAINT refused CHECK (job_id <> 3)");
const acceptJobs = async (fleet: Awaited<ReturnType<typeof stillFleet>>, most: number) => {
  for (let id = 1; id <= most; id += 1) await fleet.accept("workflow_job", jobPayload("completed", { ...RAN, id }));
};

it("a delivery that the database refuses is retried alone and becomes a dead letter after MAX_ATTEMPTS; the rest of its batch is counted", async () => {
  const fleet = await stillFleet({ MAX_ATTEMPTS: "3" });
  await refuseJob3(fleet.url);
  await acceptJobs(fleet, 5);
  await fleet.process();
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(/ 4$/);
  expect((await fleet.samples("github_events_total"))[0]).toMatch(/ 4$/);
  expect(await fleet.samples("octogauge_retries")).toEqual(['octogauge_retries{event="workflow_job"} 1']);
  expect(await rowsOf(fleet.url, "SELECT attempts, error_class FROM octogauge.retries")).toEqual([{ attempts: 1, error_class: "23514" }]);
  await fleet.retry();
  const dead = await rowsOf(fleet.url, `SELECT event, source, error_class, error, attempts FROM octogauge.dead_letters`);
  expect(dead).toEqual([
    {
      event: "workflow_job",
      source: "apply",
      error_class: "23514",
      error: expect.stringContaining("refused"),
      attempts: 3,
    },
  ]);
  const [body] = (await storedPayloads(fleet.url, "dead_letters")).values();
  expect(JSON.parse(String(body))).toMatchObject({ workflow_job: { id: 3 } });
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.inbox UNION ALL SELECT FROM octogauge.retries")).toEqual([]);
});

it("a refused delivery is counted once the database accepts it", async () => {
  const fleet = await stillFleet();
  await refuseJob3(fleet.url);
  await acceptJobs(fleet, 3);
  await fleet.process();
  await rowsOf(fleet.url, "ALTER TABLE octogauge.workflow_jobs DROP CONSTRAINT refused");
  await fleet.retry();
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(/ 3$/);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.retries UNION ALL SELECT FROM octogauge.dead_letters")).toEqual([]);
});

it("a database outage during a retry uses up no attempt", async () => {
  const fleet = await stillFleet({ MAX_ATTEMPTS: "2" });
  await refuseJob3(fleet.url);
  await acceptJobs(fleet, 3);
  await fleet.process();
  await rowsOf(fleet.url, "ALTER TABLE octogauge.workflow_jobs DROP CONSTRAINT refused");
  await rowsOf(fleet.url, "ALTER TABLE octogauge.tallies RENAME TO away");
  for (let round = 0; round < 5; round += 1) await expect(fleet.retry()).rejects.toThrow(/tallies/);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.away RENAME TO tallies");
  await fleet.retry();
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(/ 3$/);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.dead_letters")).toEqual([]);
});

it("a retry whose claim another worker has taken over changes nothing", async () => {
  const fleet = await stillFleet();
  await refuseJob3(fleet.url);
  await acceptJobs(fleet, 3);
  await fleet.process();
  await rowsOf(fleet.url, "UPDATE octogauge.retries SET due_at = now()");
  const database = fleet.get(Database);
  const first = await startAttempt(database, 0);
  const second = await startAttempt(database, 60);
  expect([first?.number, second?.number]).toEqual([2, 3]);
  expect(await take(database, first!)).toEqual([]);
  expect(await take(database, second!)).toHaveLength(1);
});

it("a transient error returns the whole batch to the inbox and creates no dead letter", async () => {
  const fleet = await stillFleet();
  for (let id = 1; id <= 3; id += 1) await fleet.accept("workflow_job", jobPayload("completed", { ...RAN, id }));
  await rowsOf(fleet.url, "ALTER TABLE octogauge.tallies RENAME TO away");
  await expect(fleet.process()).rejects.toThrow(/tallies/);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.inbox")).toHaveLength(3);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.workflow_jobs")).toEqual([]);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.away RENAME TO tallies");
  await fleet.process();
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(/ 3$/);
  expect(await rowsOf(fleet.url, "SELECT FROM octogauge.dead_letters")).toEqual([]);
});

it("a form-encoded delivery is processed like its JSON", async () => {
  const fleet = await stillFleet();
  const { GroupCommit } = await import("../../src/intake/group-commit.js");
  const body = Buffer.from(new URLSearchParams({ payload: JSON.stringify(jobPayload("completed", RAN)) }).toString());
  await fleet
    .get(GroupCommit)
    .accept({ id: "11111111-2222-1333-8444-555555555555", event: "workflow_job", hookId: null, form: true, body });
  await fleet.process();
  expect(await fleet.samples("github_workflow_jobs_completed_total")).toHaveLength(1);
});

it.each([
  [
    "in inbox rows",
    (fleet: Awaited<ReturnType<typeof stillFleet>>) =>
      rowsOf(
        fleet.url,
        `INSERT INTO octogauge.inbox (priority, delivery_id, event, form, projection, payload)
         SELECT 0, gen_random_uuid(), 'workflow_job', false, NULL, convert_to(repeat('x', 10000000), 'UTF8') FROM generate_series(1, 5)`,
      ),
  ],
  [
    "in packs",
    async (fleet: Awaited<ReturnType<typeof stillFleet>>) => {
      for (let count = 0; count < 5; count += 1) await fleet.accept("workflow_job", "x".repeat(10_000_000));
    },
  ],
])("a batch claims only as many bytes of unprojected payloads %s as fit, and later batches claim the rest", async (_, fill) => {
  const fleet = await stillFleet();
  await fill(fleet);
  const taken = [];
  for (let batch = -1; batch !== 0; taken.push(batch)) batch = await fleet.processBatch();
  expect(taken).toEqual([2, 2, 1, 0]);
  expect(await rowsOf(fleet.url, "SELECT DISTINCT error FROM octogauge.dead_letters")).toEqual([{ error: "the body is not JSON" }]);
});
