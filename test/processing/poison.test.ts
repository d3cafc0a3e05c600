import { randomUUID } from "node:crypto";
import { expect, it } from "vitest";
import { BatchJournal } from "../../src/queue/batch-journal.js";
import type { InboxKey } from "../../src/queue/claim.sql.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { post } from "../support/octogauge.js";
import { jobPayload, RAN } from "../support/payloads.js";
import { Replica } from "../support/replica.js";
import { until } from "../support/wait.js";

const POISON = new URL("../support/poison.mjs", import.meta.url).href;

it("deliveries of a batch that a crashed worker left are retried one by one; all others are processed normally", async () => {
  const fleet = await stillFleet();
  for (let id = 1; id <= 30; id += 1) await fleet.accept("workflow_job", jobPayload("completed", { ...RAN, id }));
  const rows = await rowsOf<InboxKey & { id: string }>(
    fleet.url,
    "SELECT priority, seq, delivery_id::text AS id FROM octogauge.inbox ORDER BY seq",
  );
  const begun = rows.filter((_, index) => index % 7 < 3).slice(0, 12);
  await fleet.get(BatchJournal).begin(randomUUID(), begun);
  await fleet.process();
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(/ 18$/);
  expect(await rowsOf(fleet.url, "SELECT source, attempts, delivery_id::text AS id FROM octogauge.retries ORDER BY id")).toEqual(
    begun
      .map(({ id }) => id)
      .sort()
      .map((id) => ({ source: "crash", attempts: 0, id })),
  );
  await fleet.retry();
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(/ 30$/);
});

it("a worker that returned its batch does not count as crashed", async () => {
  const fleet = await stillFleet();
  await fleet.accept("workflow_job", jobPayload("completed", RAN));
  await rowsOf(fleet.url, "ALTER TABLE octogauge.tallies RENAME TO away");
  await expect(fleet.process()).rejects.toThrow(/tallies/);
  await rowsOf(fleet.url, "ALTER TABLE octogauge.away RENAME TO tallies");
  await fleet.process();
  expect((await fleet.samples("github_workflow_jobs_completed_total"))[0]).toMatch(/ 1$/);
});

it.each(["kills", "hangs"])("a delivery that %s the process becomes a dead letter, and the other deliveries are counted", async (deed) => {
  const url = await freshDatabase();
  const environment = {
    NODE_OPTIONS: `--import ${POISON}`,
    MAX_ATTEMPTS: "2",
    RETRY_BACKOFF: "10ms",
    PROCESSING_DEADLINE: "1",
    BATCH_SIZE: "5",
    LOG_LEVEL: "fatal",
  };
  const gateway = await Replica.start(url, { MODE: "gateway" });
  for (let id = 1; id <= 9; id += 1) {
    const name = id === 4 ? `poison that ${deed}` : "ci";
    expect((await post(gateway.webhook, "workflow_job", jobPayload("completed", { ...RAN, id, workflow_name: name }))).status).toBe(202);
  }
  const replica = await Replica.prepare(url, environment);
  const dead = () => rowsOf(url, "SELECT source, attempts FROM octogauge.dead_letters");
  await until("a dead letter", async () => {
    await replica.restartIfEnded();
    return (await dead()).length > 0;
  });
  expect(await dead()).toEqual([{ source: "crash", attempts: 2 }]);
  const counted = async () => /^github_workflow_jobs_completed_total\{.*\} (\d+)$/m.exec(await gateway.metrics())?.[1];
  await expect.poll(counted, { interval: 200 }).toBe("8");
  expect(await rowsOf(url, "SELECT FROM octogauge.inbox UNION ALL SELECT FROM octogauge.retries")).toEqual([]);
});
