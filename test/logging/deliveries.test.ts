import { randomUUID } from "node:crypto";
import { describe, expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { BatchJournal } from "../../src/queue/batch-journal.js";
import type { InboxKey } from "../../src/queue/claim.sql.js";
import { claim, fromTheStart } from "../../src/queue/claim.sql.js";
import { receivedFields } from "../../src/intake/delivery-fields.js";
import { Applier } from "../../src/processing/applier.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { stillFleet } from "../support/fleet.js";
import { Gate } from "../support/gate.js";
import { captureLog, comparable } from "../support/log.js";
import { deliveryHeaders, post, sign, startInstance } from "../support/octogauge.js";
import { jobPayload, RAN } from "../support/payloads.js";

/** With this setting, only lines about deliveries are logged. */
const ALOUD = { LOG_DELIVERIES: "on", LOG_LEVEL: "info" };
const CANARY = "a-word-of-the-body";
const payload = (id: number) => jobPayload("completed", { ...RAN, id, workflow_name: CANARY });

const GATEWAY = { level: "info", room: "ingest", duration_seconds: "some" };
const ofJob = (id: string) => ({ delivery_id: id, event: "workflow_job", repository: "acme/api" });

describe("LOG_DELIVERIES", () => {
  it("logs each delivery when it is answered and when it is applied, without body and signature", async () => {
    const instance = await startInstance(ALOUD);
    const { lines, text } = captureLog(ALOUD);
    const [id, odd, wrong] = [randomUUID(), randomUUID(), randomUUID()];
    const body = JSON.stringify(payload(1));
    await post(instance.webhook, "workflow_job", payload(1), id);
    await expect.poll(() => lines.length).toBe(2);
    await post(instance.webhook, "workflow_job", payload(1), id);
    await post(instance.webhook, "workflow_job", `${CANARY} is no JSON`, odd);
    await expect.poll(() => lines.length).toBe(5);
    const headers = deliveryHeaders("workflow_job", body, wrong);
    await fetch(instance.webhook, { method: "POST", headers: { ...headers, "x-hub-signature-256": sign(body, "another") }, body });
    await fetch(instance.webhook, { method: "POST", headers: { ...headers, "x-github-event": `Star ${CANARY}` }, body });
    await fetch(instance.webhook);
    const bytes = Buffer.byteLength(body);
    expect(comparable(lines)).toEqual([
      { ...GATEWAY, ...ofJob(id), outcome: "accepted", status: 202, bytes, msg: "a delivery was accepted" },
      { level: "info", room: "processing", ...ofJob(id), age_seconds: "some", msg: "a delivery was applied" },
      { ...GATEWAY, ...ofJob(id), outcome: "duplicate", status: 202, bytes, msg: "a delivery was accepted" },
      {
        ...GATEWAY,
        delivery_id: odd,
        event: "workflow_job",
        outcome: "accepted",
        status: 202,
        bytes: CANARY.length + 11,
        msg: "a delivery was accepted",
      },
      {
        level: "warn",
        room: "processing",
        delivery_id: odd,
        event: "workflow_job",
        source: "projection",
        error: { class: "UnexpectedPayload", message: "the body is not JSON" },
        msg: "a delivery is a dead letter",
      },
      { ...GATEWAY, delivery_id: wrong, event: "workflow_job", outcome: "signature", status: 401, msg: "a delivery was refused" },
      { ...GATEWAY, outcome: "event-header", status: 400, msg: "a delivery was refused" },
    ]);
    expect(lines[0]?.["duration_seconds"]).toBeGreaterThan(0);
    expect(lines[1]?.["age_seconds"]).toBeLessThan(60);
    expect(text()).not.toContain(CANARY);
    expect(text()).not.toContain("sha256");
  });

  it.each([
    [{}, []],
    [{ LOG_LEVELS: "ingest=debug" }, [["debug", "ingest", "a delivery was accepted"]]],
    [
      { LOG_LEVELS: "processing=debug" },
      [
        ["debug", "processing", "a delivery was claimed"],
        ["debug", "processing", "a delivery was applied"],
      ],
    ],
    [{ ...ALOUD, LOG_LEVELS: "ingest=warn" }, [["info", "processing", "a delivery was applied"]]],
  ] as [Record<string, string>, string[][]][])("with %j: %j", async (overrides, expected) => {
    const environment = { LOG_LEVEL: "info", ...overrides };
    const instance = await startInstance(environment);
    const { lines } = captureLog(environment);
    await post(instance.webhook, "workflow_job", payload(1));
    const applied = () => rowsOf(instance.databaseUrl, "SELECT FROM octogauge.workflow_jobs");
    await expect.poll(applied).toHaveLength(1);
    await expect.poll(() => lines.map(({ level, room, msg }) => [level, room, msg])).toEqual(expected);
  });

  it("names members that could not be projected", async () => {
    const gate = await Gate.before(await freshDatabase());
    const instance = await startInstance({ LOG_LEVEL: "info", MODE: "gateway" }, gate.url);
    const { lines } = captureLog();
    gate.refuse();
    const id = randomUUID();
    expect((await post(instance.webhook, "workflow_job", payload(1), id)).status).toBe(503);
    gate.open();
    const line = lines.find(({ room }) => room === "ingest");
    expect(line).toMatchObject({ level: "warn", ...ofJob(id), msg: "a delivery could not be stored" });
    expect(line?.["error"]).toEqual({ class: "Error", message: "Connection terminated unexpectedly" });
  });
});

describe("a failing delivery", () => {
  it("is logged from the first refusal to the dead letter", async () => {
    const fleet = await stillFleet({ MAX_ATTEMPTS: "3", LOG_LEVEL: "info" });
    const { lines, text } = captureLog();
    await rowsOf(fleet.url, "ALTER TABLE octogauge.workflow_jobs ADD CONSTRAINT refused CHECK (job_id <> 3)");
    const ids = [randomUUID(), randomUUID()];
    await fleet.accept("workflow_job", payload(1), ids[0]);
    await fleet.accept("workflow_job", payload(3), ids[1]);
    await fleet.process();
    await fleet.retry();
    const message = 'new row for relation "workflow_jobs" violates check constraint "refused"';
    const error = { class: "error", code: "23514", message };
    const failed = { ...ofJob(ids[1]!), source: "apply" };
    expect(comparable(lines)).toEqual([
      { level: "warn", room: "processing", deliveries: 2, error, msg: "a batch failed, processing its deliveries one by one" },
      {
        level: "warn",
        room: "processing",
        ...failed,
        attempts: 1,
        pause_seconds: "some",
        error,
        msg: "a delivery failed and was moved to the retries",
      },
      {
        level: "warn",
        room: "processing",
        loop: "retries",
        ...failed,
        attempts: 2,
        pause_seconds: "some",
        error,
        msg: "a delivery failed again and will be retried",
      },
      {
        level: "error",
        room: "processing",
        loop: "retries",
        ...failed,
        attempts: 3,
        error: { class: "23514", message },
        msg: "a delivery is a dead letter",
      },
    ]);
    // The server's error contains the refused row as well.
    expect(text()).not.toContain(CANARY);
  });

  it("is logged at debug while it waits for its rate limit", async () => {
    const overrides = { LOG_LEVELS: "processing=debug,queue=debug", RATE_LIMITS: "acme=0.01" };
    const fleet = await stillFleet(overrides);
    const { lines } = captureLog(overrides);
    const ids = [randomUUID(), randomUUID()];
    for (const [index, id] of ids.entries()) await fleet.accept("workflow_job", payload(index + 1), id);
    await fleet.process();
    expect(lines.map(({ delivery_id, repository, msg }) => [delivery_id, repository, msg])).toEqual([
      [ids[1], "acme/api", "RATE_LIMITS delayed a delivery"],
      [ids[0], "acme/api", "a delivery was claimed"],
      [ids[0], "acme/api", "a delivery was applied"],
    ]);
  });

  it("is logged if a crashed worker left it", async () => {
    const fleet = await stillFleet({ LOG_LEVEL: "info" });
    const { lines } = captureLog();
    const id = randomUUID();
    await fleet.accept("workflow_job", payload(1), id);
    await fleet.get(BatchJournal).begin(randomUUID(), await rowsOf<InboxKey>(fleet.url, "SELECT priority, seq FROM octogauge.inbox"));
    await fleet.process();
    expect(comparable(lines)).toEqual([
      {
        level: "warn",
        room: "processing",
        deliveries: 1,
        msg: "a worker crashed or hung and left 1 deliveries; each is retried alone",
      },
      { level: "info", room: "processing", ...ofJob(id), source: "crash", msg: "a delivery was moved to the retries" },
    ]);
  });
});

it("lines of a traced delivery contain its trace and span", async () => {
  const fleet = await stillFleet(ALOUD);
  const { lines } = captureLog(ALOUD);
  const traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
  const trace = { trace_id: "0af7651916cd43dd8448eb211c80319c", span_id: "b7ad6b7169203331" };
  await fleet.accept("workflow_job", payload(1));
  await fleet.accept("workflow_job", "no JSON");
  const afterCommit = await fleet.get(Database).transaction(async (transaction) => {
    const rows = await claim(transaction, fromTheStart(10));
    return fleet.get(Applier).apply(
      transaction,
      rows.map((row) => Object.assign(row, { traceparent })),
    );
  });
  afterCommit();
  expect(lines.map(({ msg, trace_id, span_id }) => ({ msg, trace_id, span_id }))).toEqual([
    { msg: "a delivery is a dead letter", ...trace },
    { msg: "a delivery was applied", ...trace },
  ]);
  const body = Buffer.from(JSON.stringify(payload(1)));
  const delivery = { id: "d", event: "workflow_job", hookId: null, form: false, body, traceparent };
  expect(receivedFields(delivery)).toEqual({ ...ofJob("d"), ...trace });
});
