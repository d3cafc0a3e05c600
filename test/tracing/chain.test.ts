import { randomBytes, randomUUID } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { BROKERS } from "../support/brokers.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { deliveryHeaders, post, startInstance } from "../support/octogauge.js";
import { OtlpCollector, type ReceivedSpan } from "../support/otlp-collector.js";
import { jobPayload, RAN, runPayload } from "../support/payloads.js";
import { Gate } from "../support/gate.js";
import { Replica } from "../support/replica.js";
import { startScripted } from "../support/scripted-github.js";

const FAST = { OTEL_BSP_SCHEDULE_DELAY: "20", LOG_LEVEL: "fatal", TRUST_TRACEPARENT: "on" };

async function collecting(protocol: "http/protobuf" | "grpc" = "http/protobuf"): Promise<OtlpCollector> {
  const collector = await OtlpCollector.start({ protocol });
  onTestFinished(() => collector.stop());
  return collector;
}

const caller = (flags: "00" | "01" = "01") => {
  const [traceId, spanId] = [randomBytes(16).toString("hex"), randomBytes(8).toString("hex")];
  return { traceId, spanId, traceparent: `00-${traceId}-${spanId}-${flags}` };
};

/** Posts a signed delivery as a client with tracing. */
async function postTraced(webhook: string, payload: unknown, traceparent?: string, id: string = randomUUID()): Promise<number> {
  const body = JSON.stringify(payload);
  const headers = { ...deliveryHeaders("workflow_job", body, id), ...(traceparent ? { traceparent } : {}) };
  return (await fetch(webhook, { method: "POST", headers, body })).status;
}

const named = (spans: readonly ReceivedSpan[], name: string) => spans.filter((span) => span.name === name);
const one = (spans: readonly ReceivedSpan[], name: string): ReceivedSpan => {
  expect([name, named(spans, name).length]).toEqual([name, 1]);
  return named(spans, name)[0]!;
};
const ofTrace = (spans: readonly ReceivedSpan[], traceId: string) => spans.filter((span) => span.traceId === traceId);
const contextOf = ({ traceId, spanId }: ReceivedSpan) => ({ traceId, spanId });

it.each(["http/protobuf", "grpc"] as const)(
  "one trace from the request through the inbox to the counters, which another process updates later (%s)",
  async (protocol) => {
    const collector = await collecting(protocol);
    const databaseUrl = await freshDatabase();
    const environment = { ...collector.environment, ...FAST };
    // Its spans are exported when it stops.
    const gateway = await Replica.start(databaseUrl, { ...environment, MODE: "gateway", OTEL_BSP_SCHEDULE_DELAY: "600000" });
    const { traceId, spanId, traceparent } = caller();
    const id = randomUUID();
    expect(await postTraced(gateway.webhook, jobPayload("completed", RAN), traceparent, id)).toBe(202);
    // The gateway has stopped before the worker starts.
    await gateway.kill("SIGTERM");
    await Replica.start(databaseUrl, { ...environment, MODE: "worker" });
    await collector.waitFor(({ spans }) => named(spans, "process batch").length > 0 && named(spans, "process workflow_job").length > 0);

    const trace = ofTrace(collector.spans, traceId);
    const request = one(trace, "POST /webhook");
    expect(request).toMatchObject({
      kind: 2,
      parentSpanId: spanId,
      attributes: { "http.response.status_code": 202, "octogauge.delivery.id": id, "octogauge.event": "workflow_job" },
      resource: { "service.name": "octogauge" },
    });
    for (const name of ["receive", "verify", "accept", "process workflow_job"]) expect(one(trace, name).parentSpanId).toBe(request.spanId);
    const processing = one(trace, "process workflow_job");
    for (const name of ["claim", "apply"]) expect(one(trace, name).parentSpanId).toBe(processing.spanId);
    expect(trace).toHaveLength(7);
    expect(processing.resource["process.pid"]).not.toBe(request.resource["process.pid"]);
    // Ordered by time, each inside its parent or after it.
    const [received, verified, accepted, claimed, applied] = ["receive", "verify", "accept", "claim", "apply"].map((name) =>
      one(trace, name),
    );
    expect(received!.start).toBe(request.start);
    const times = [received!, verified!, accepted!, claimed!, applied!].flatMap(({ start, end }) => [start, end]);
    expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : a > b ? 1 : 0)));
    expect(request.end).toBeGreaterThanOrEqual(accepted!.end);

    // Work for many deliveries at once has its own traces, linked to each other.
    const flush = one(collector.spans, "flush");
    expect(flush.links.map(({ spanId: linked }) => linked)).toEqual([request.spanId]);
    expect(accepted!.links).toMatchObject([contextOf(flush)]);
    const batch = one(collector.spans, "process batch");
    expect(batch.links).toMatchObject([contextOf(request)]);
    expect(processing.links).toMatchObject([contextOf(batch)]);
    const statements = collector.spans.filter(({ parentSpanId }) => parentSpanId === batch.spanId);
    const counting = statements.find(({ name }) => name.includes("tallies"));
    expect(counting).toMatchObject({ kind: 3, attributes: { "db.system.name": "postgresql" } });
    expect(statements.some(({ name }) => name.includes("DELETE inbox"))).toBe(true);
    expect(flush.traceId).not.toBe(traceId);
  },
);

it("the sampling decision of a delivery applies to its whole life, and without a client the sampler decides", async () => {
  const collector = await collecting();
  const databaseUrl = await freshDatabase();
  const quiet = { ...collector.environment, ...FAST, OTEL_TRACES_SAMPLER: "parentbased_always_off" };
  const gateway = await startInstance({ ...quiet, MODE: "gateway" }, databaseUrl);
  expect(await postTraced(gateway.webhook, jobPayload("queued", { id: 1 }))).toBe(202);
  expect(await postTraced(gateway.webhook, jobPayload("queued", { id: 2 }), caller("00").traceparent)).toBe(202);
  const sampled = caller();
  expect(await postTraced(gateway.webhook, jobPayload("queued", { id: 3 }), sampled.traceparent)).toBe(202);
  expect(await rowsOf(databaseUrl, "SELECT count(*)::int AS all, count(traceparent)::int AS traced FROM octogauge.inbox")).toEqual([
    { all: 3, traced: 1 },
  ]);
  // This sampler would trace everything without an earlier decision.
  await startInstance({ ...collector.environment, ...FAST, MODE: "worker", OTEL_TRACES_SAMPLER: "always_on" }, databaseUrl);
  await collector.waitFor(({ spans }) => named(spans, "process batch").length > 0);
  expect(ofTrace(collector.spans, sampled.traceId)).toHaveLength(7);
  expect(named(collector.spans, "process workflow_job")).toHaveLength(1);
  expect(named(collector.spans, "POST /webhook")).toHaveLength(1);
  // Three deliveries: one of them is sampled, and its flush too.
  expect(named(collector.spans, "flush")).toHaveLength(1);
});

it("without TRUST_TRACEPARENT the client's decision is ignored, so a replayed request cannot force a trace", async () => {
  const collector = await collecting();
  const databaseUrl = await freshDatabase();
  const quiet = { ...collector.environment, OTEL_BSP_SCHEDULE_DELAY: "50", OTEL_TRACES_SAMPLER: "parentbased_always_off" };
  const gateway = await startInstance({ ...quiet, MODE: "gateway", TRUST_TRACEPARENT: "off" }, databaseUrl);
  expect(await postTraced(gateway.webhook, jobPayload("queued"), caller().traceparent)).toBe(202);
  expect(await rowsOf(databaseUrl, "SELECT traceparent FROM octogauge.inbox")).toEqual([{ traceparent: null }]);
  const { traceId, traceparent } = caller();
  const tracing = await startInstance({ ...quiet, MODE: "gateway", OTEL_TRACES_SAMPLER: "always_on" }, databaseUrl);
  expect(await postTraced(tracing.webhook, jobPayload("queued", { id: 2 }), traceparent)).toBe(202);
  await collector.waitFor(({ spans }) => named(spans, "POST /webhook").length > 0);
  expect(ofTrace(collector.spans, traceId)).toEqual([]);
});

it("an unsigned request has no span and decides nothing", async () => {
  const collector = await collecting();
  const instance = await startInstance({ ...collector.environment, ...FAST });
  const stranger = caller();
  const body = JSON.stringify(jobPayload("queued"));
  const headers = {
    ...deliveryHeaders("workflow_job", body),
    traceparent: stranger.traceparent,
    "x-hub-signature-256": `sha256=${"0".repeat(64)}`,
  };
  expect((await fetch(instance.webhook, { method: "POST", headers, body })).status).toBe(401);
  expect((await fetch(instance.webhook.replace("webhook", "x".repeat(1_000)))).status).toBe(404);
  const mine = caller();
  expect(await postTraced(instance.webhook, jobPayload("queued"), mine.traceparent)).toBe(202);
  await collector.waitFor(({ spans }) => named(spans, "process batch").length > 0);
  expect(ofTrace(collector.spans, stranger.traceId)).toEqual([]);
  expect(collector.spans.filter(({ kind }) => kind === 2).map(({ traceId }) => traceId)).toEqual([mine.traceId]);
});

it("a redelivery links to the request that first brought the delivery", async () => {
  const collector = await collecting();
  const instance = await startInstance({ ...collector.environment, ...FAST });
  const [first, again, id] = [caller(), caller(), randomUUID()];
  await postTraced(instance.webhook, jobPayload("queued"), first.traceparent, id);
  await postTraced(instance.webhook, jobPayload("queued"), again.traceparent, id);
  await collector.waitFor(({ spans }) => named(spans, "accept").length === 2);
  const request = one(ofTrace(collector.spans, first.traceId), "POST /webhook");
  const repeated = one(ofTrace(collector.spans, again.traceId), "accept");
  expect(repeated.attributes["octogauge.outcome"]).toBe("duplicate");
  expect(repeated.links.map(({ spanId }) => spanId)).toContain(request.spanId);
});

it("a delivery that fails, is retried, becomes a dead letter and is replayed keeps its trace", async () => {
  const collector = await collecting();
  const instance = await startInstance({ ...collector.environment, ...FAST, MAX_ATTEMPTS: "2", RETRY_BACKOFF: "0.01" });
  const { databaseUrl } = instance;
  // The database refuses this run until the constraint is dropped.
  await rowsOf(databaseUrl, "ALTER TABLE octogauge.workflow_runs ADD CONSTRAINT refuse CHECK (run_id <> 4711)");
  await post(instance.webhook, "workflow_run", runPayload("requested", { id: 4711 }));
  await collector.waitFor(({ spans }) => named(spans, "process workflow_run").filter(({ status }) => status.code === 2).length >= 3);
  await expect.poll(() => rowsOf(databaseUrl, "SELECT count(*)::int AS dead FROM octogauge.dead_letters")).toEqual([{ dead: 1 }]);
  await rowsOf(databaseUrl, "ALTER TABLE octogauge.workflow_runs DROP CONSTRAINT refuse");
  const { replayDeadLetters } = await import("../../src/dead-letters/review.sql.js");
  expect(await replayDeadLetters({ query: async (text, values) => ({ rows: await rowsOf(databaseUrl, text, values) }) }, {}, 1)).toBe(1);
  await collector.waitFor(({ spans }) => named(spans, "process workflow_run").some(({ status }) => status.code === 0));
  const attempts = named(collector.spans, "process workflow_run");
  const request = one(collector.spans, "POST /webhook");
  expect(new Set(attempts.map(({ traceId, parentSpanId }) => `${traceId} ${parentSpanId}`))).toEqual(
    new Set([`${request.traceId} ${request.spanId}`]),
  );
  expect(attempts.map(({ attributes }) => attributes["octogauge.attempt"])).toContain(2);
  expect(attempts.find(({ status }) => status.code === 2)!.attributes["error.type"]).toBe("23514");
});

it("a scrape shows the time of each collector, and a GitHub request its answer", async () => {
  const collector = await collecting();
  const host = await startScripted(() => ({ status: 404, text: '{"message":"Not Found"}' }));
  const instance = await startInstance({
    ...collector.environment,
    ...FAST,
    GITHUB_API_URL: host.url,
    GITHUB_TOKEN: "t",
    GITHUB_HOOKS: "org:acme:7",
    AUDIT_INTERVAL: "0.05",
  });
  expect((await fetch(`${instance.managementUrl}/metrics`)).status).toBe(200);
  await collector.waitFor(({ spans }) => named(spans, "scrape").length > 0 && spans.some(({ name }) => name.startsWith("GitHub ")));
  const scrape = named(collector.spans, "scrape")[0]!;
  const collections = collector.spans.filter(({ parentSpanId }) => parentSpanId === scrape.spanId);
  expect(collections.length).toBeGreaterThan(5);
  expect(collections.every(({ name }) => name.startsWith("collect "))).toBe(true);
  const counters = collections.find(({ name }) => name === "collect counters")!;
  expect(collector.spans.filter(({ parentSpanId }) => parentSpanId === counters.spanId).map(({ name }) => name)).toContain(
    "SELECT counter_series",
  );
  expect(collector.spans.find(({ name }) => name.startsWith("GitHub "))).toMatchObject({
    kind: 3,
    attributes: { "http.request.method": "GET", "http.response.status_code": 404, "octogauge.outcome": "gone" },
    status: { code: 2 },
  });
});

it("latencies in OpenMetrics have the trace of a delivery as exemplar", async () => {
  const collector = await collecting();
  const instance = await startInstance({ ...collector.environment, ...FAST });
  const { traceId, traceparent } = caller();
  await postTraced(instance.webhook, jobPayload("queued"), traceparent);
  await collector.waitFor(({ spans }) => named(spans, "process batch").length > 0);
  const text = await (
    await fetch(`${instance.managementUrl}/metrics/process`, { headers: { accept: "application/openmetrics-text; version=1.0.0" } })
  ).text();
  const withExemplar = text.split("\n").filter((line) => line.includes(`# {trace_id="${traceId}"}`));
  expect(withExemplar.map((line) => line.split("{", 1)[0]).sort()).toEqual([
    "octogauge_http_request_duration_seconds_bucket",
    "octogauge_inbox_flush_duration_seconds_bucket",
    "octogauge_processing_batch_duration_seconds_bucket",
    "octogauge_processing_claim_duration_seconds_bucket",
  ]);
});

it("a collector outage costs only its traces", async () => {
  const collector = await collecting();
  const instance = await startInstance({ ...collector.environment, ...FAST });
  await collector.stop();
  for (let id = 1; id <= 20; id += 1) expect(await postTraced(instance.webhook, jobPayload("queued", { id }))).toBe(202);
  await expect
    .poll(() => rowsOf(instance.databaseUrl, "SELECT count(*)::int AS jobs FROM octogauge.workflow_jobs"))
    .toEqual([{ jobs: 20 }]);
  await instance.stop();
});

describe.each(BROKERS)("%s", (_, isThere, prepare) => {
  it.skipIf(!isThere)("the trace continues through the buffer", async () => {
    const collector = await collecting();
    const broker = await prepare();
    await broker.server.start();
    const gate = await Gate.before(await freshDatabase());
    const environment = { ...collector.environment, ...FAST, ...broker.environment, BUFFER_AFTER: "0.3" };
    const instance = await startInstance({ ...environment, MODE: "gateway" }, gate.url);
    await expect.poll(async () => (await fetch(`${instance.managementUrl}/metrics`)).text()).toContain("octogauge_buffer_pending");
    gate.refuse();
    const { traceId, traceparent } = caller();
    expect(await postTraced(instance.webhook, jobPayload("queued"), traceparent)).toBe(202);
    gate.open();
    // The draining worker starts after the database is back, so it has no failures.
    await startInstance({ ...environment, MODE: "worker" }, gate.url);
    await collector.waitFor(({ spans }) =>
      ofTrace(spans, traceId).some(({ name, status }) => name === "process workflow_job" && status.code === 0),
    );
    const trace = ofTrace(collector.spans, traceId);
    const request = one(trace, "POST /webhook");
    for (const name of ["publish", "process workflow_job"]) expect(one(trace, name).parentSpanId).toBe(request.spanId);
    // First the failed attempts before the publish, then the drain.
    expect(named(trace, "accept").map(({ status }) => status.code)).toEqual([2, 0]);
  });
});
