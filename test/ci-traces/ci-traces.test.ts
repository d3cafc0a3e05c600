import { register } from "prom-client";
import { describe, expect, it } from "vitest";
import { Database } from "../../src/database/database.js";
import { addJobs, claimDue, endSending, jobsOf, reopen } from "../../src/ci-traces/outbox.sql.js";
import { CiTracesRetention } from "../../src/ci-traces/retention.loop.js";
import { SendLoop } from "../../src/ci-traces/send.loop.js";
import { type CiEvent, ciRun, expectedSpans, jobIdOf, spanOf, traceOf } from "../support/ci-run.js";
import { isJob, linesOf, prepareTraces } from "../support/ci-traces.js";
import { rowsOf } from "../support/database.js";
import { OtlpCollector, type OtlpProtocol } from "../support/otlp-collector.js";
import { at } from "../support/clock.js";

const counter = async (name: string) => ((await register.getSingleMetric(name)?.get())?.values[0]?.value ?? 0) as number;

describe("a finished run", () => {
  it.each<OtlpProtocol>(["http/protobuf", "http/json", "grpc"])("is one trace, by %s", async (protocol) => {
    const { collector, deliverAll, send, outbox, jobs } = await prepareTraces(
      { OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=prod" },
      protocol,
    );
    await deliverAll(ciRun(7));
    await send();
    expect(linesOf(collector, traceOf(7))).toEqual(expectedSpans(7));
    expect(collector.spans).toHaveLength(17);
    const root = collector.spans.find(({ parentSpanId }) => parentSpanId === "");
    expect(root).toMatchObject({
      name: "RUN CI",
      attributes: {
        "cicd.pipeline.action.name": "RUN",
        "cicd.pipeline.result": "failure",
        "error.type": "failure",
        "github.conclusion": "failure",
      },
      links: [],
      scope: { name: "octogauge.ci" },
    });
    for (const span of collector.spans) expect(span.resource).toEqual(root?.resource);
    expect(root?.resource).toEqual({
      "deployment.environment.name": "prod",
      "service.name": "api",
      "service.namespace": "acme",
      "cicd.pipeline.name": "CI",
      "cicd.pipeline.run.id": "7",
      "cicd.pipeline.run.url.full": "https://github.com/acme/api/actions/runs/7/attempts/1",
      "vcs.provider.name": "github",
      "vcs.owner.name": "acme",
      "vcs.repository.name": "api",
      "vcs.repository.url.full": "https://github.com/acme/api",
      "vcs.ref.head.name": "main",
      "vcs.ref.head.revision": "0123456789abcdef0123456789abcdef01234567",
      "vcs.change.id": "17",
      "github.run.attempt": 1,
      "github.run.number": 42,
      "github.run.event": "push",
    });
    const url = `https://github.com/acme/api/actions/runs/7/job/${jobIdOf(7, 1, 1)}`;
    expect(collector.spans.find(({ name }) => name === "test (ubuntu, 20)")?.attributes).toEqual({
      "cicd.pipeline.task.name": "test (ubuntu, 20)",
      "cicd.pipeline.task.run.id": String(jobIdOf(7, 1, 1)),
      "cicd.pipeline.task.run.url.full": url,
      "cicd.pipeline.task.run.result": "failure",
      "cicd.worker.id": "7",
      "cicd.worker.name": "GitHub Actions 7",
      "github.runner.group.name": "GitHub Actions",
      "github.job.labels": ["ubuntu-latest"],
      "github.conclusion": "failure",
      "error.type": "failure",
    });
    expect(collector.spans.find(({ name, status }) => name === "npm test" && status.code === 2)?.attributes).toMatchObject({
      "cicd.pipeline.task.run.id": `${jobIdOf(7, 1, 1)}/2`,
      "cicd.pipeline.task.run.url.full": `${url}#step:2:1`,
    });
    expect(await outbox()).toEqual([{ due: false, sent: true, attempts: 1, error: "" }]);
    expect(await jobs()).toBe(0);
  });

  it("is sent once, however often its events repeat, before and after it is sent", async () => {
    const { collector, deliverAll, send, makeDue } = await prepareTraces();
    await deliverAll([...ciRun(7), ...ciRun(7)]);
    await deliverAll(ciRun(7));
    await send();
    await deliverAll(ciRun(7));
    await makeDue();
    await send();
    expect(linesOf(collector, traceOf(7))).toEqual(expectedSpans(7));
    expect(collector.requests).toHaveLength(1);
  });

  it("and its re-run are two linked traces; jobs that are not run again are only in the first", async () => {
    const { collector, deliverAll, send } = await prepareTraces();
    await deliverAll(ciRun(7));
    // GitHub repeats the successful job under the new attempt, with its old times.
    const again = ciRun(7, 2).map(({ event, payload }): CiEvent => {
      const text = JSON.stringify(payload).replaceAll(`"run_started_at":"${at("10:00:00")}"`, `"run_started_at":"${at("10:01:05")}"`);
      return { event, payload: JSON.parse(text) as Record<string, unknown> };
    });
    await deliverAll(again);
    await send();
    expect(linesOf(collector, traceOf(7))).toEqual(expectedSpans(7));
    const second = collector.spans.filter(({ traceId }) => traceId === traceOf(7, 2));
    expect(second.map(({ name }) => name)).not.toContain("build");
    expect(second.map(({ name }) => name)).toContain("test (macos, 20)");
    const root = second.find(({ parentSpanId }) => parentSpanId === "");
    expect(root?.links).toEqual([{ traceId: traceOf(7), spanId: spanOf(7, "run"), attributes: { "github.run.attempt": 1 } }]);
    expect(root?.resource["cicd.pipeline.run.url.full"]).toBe("https://github.com/acme/api/actions/runs/7/attempts/2");
  });

  it("is not traced if its repository is not measured", async () => {
    const { deliverAll, outbox, jobs } = await prepareTraces({ REPOSITORY_DENY: "acme/*" });
    await deliverAll(ciRun(7));
    expect([await outbox(), await jobs()]).toEqual([[], 0]);
  });
});

describe("late jobs", () => {
  const late = isJob(1, "completed");

  it("delay the trace while they are known to be open, up to a limit", async () => {
    const { collector, deliverAll, send, makeDue, url } = await prepareTraces();
    await deliverAll(ciRun(7).filter((event) => !late(event)));
    await send();
    await makeDue();
    await send();
    expect(collector.requests).toEqual([]);
    await rowsOf(url, "UPDATE octogauge.ci_trace_outbox SET pending_since = now() - interval '11 minutes', due_at = now()");
    await send();
    expect(collector.spans.map(({ name }) => name)).not.toContain("test (ubuntu, 20)");
    expect(collector.spans).toHaveLength(12);
  });

  it("are part of the trace if they arrive in time", async () => {
    const { collector, deliverAll, send, makeDue, checkLost } = await prepareTraces();
    await deliverAll(ciRun(7).filter((event) => !late(event)));
    // The job is already closed, because its run has completed.
    await checkLost();
    await send();
    await deliverAll(ciRun(7).filter(late));
    await makeDue();
    await send();
    expect(collector.requests).toHaveLength(1);
    expect(linesOf(collector, traceOf(7))).toEqual(expectedSpans(7));
  });

  it("are sent on their own after the trace, and complete it", async () => {
    const { collector, deliverAll, send, outbox } = await prepareTraces({ CI_TRACES_WAIT: "0" });
    await deliverAll(ciRun(7).filter((event) => !late(event)));
    await send();
    expect(collector.spans).toHaveLength(12);
    await deliverAll(ciRun(7).filter(late));
    expect(await outbox()).toEqual([{ due: true, sent: true, attempts: 1, error: "" }]);
    await send();
    expect(linesOf(collector, traceOf(7))).toEqual(expectedSpans(7));
    expect(collector.requests).toHaveLength(2);
    expect(await outbox()).toEqual([{ due: false, sent: true, attempts: 2, error: "" }]);
  });

  it("are not lost if they arrive while their run is being sent", async () => {
    const { collector, deliverAll, get, outbox, send, url } = await prepareTraces({ CI_TRACES_WAIT: "0" });
    const database = get(Database);
    await deliverAll(ciRun(7).filter((event) => !late(event)));
    const waiting = { leaseSeconds: 60, maxWaitSeconds: 0, recheckSeconds: 0 };
    const { sendings } = await claimDue(database, 1, waiting);
    const jobs = await jobsOf(database, sendings);
    // When the trace is marked as sent, only this open transaction has the job.
    let marked: Promise<void> | undefined;
    await database.transaction(async (transaction) => {
      const record = { ...jobs[0]!, jobId: 99, name: "late" };
      await addJobs(transaction, [record]);
      await reopen(transaction, [record], 0);
      marked = database.transaction((other) =>
        endSending(
          other,
          sendings.map((sending) => ({ sending, jobs, error: "", delay: 0 })),
          0,
        ),
      );
      const locked = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
      await expect.poll(() => rowsOf(url, locked)).toHaveLength(1);
    });
    await marked;
    expect(await outbox()).toEqual([{ due: true, sent: true, attempts: 1, error: "" }]);
    await send();
    expect(collector.spans.filter(({ name }) => name === "late")).toHaveLength(1);
    expect(collector.spans.filter(({ name }) => name === "RUN CI")).toHaveLength(0);
  });
});

describe("a collector that is down", () => {
  const gone = (collector: OtlpCollector) => collector.stop();
  const refusing = (status: number) => async (collector: OtlpCollector) => collector.fail(status);

  it.each<[string, OtlpProtocol, (collector: OtlpCollector) => Promise<void>]>([
    ["gone", "http/protobuf", gone],
    ["gone", "grpc", gone],
    ["overloaded", "http/protobuf", refusing(503)],
    ["overloaded", "grpc", refusing(503)],
    ["refusing", "http/json", refusing(400)],
  ])("is retried if it is %s, over %s; every trace arrives once", async (_, protocol, leave) => {
    const { collector, deliverAll, send, sendUntil, outbox, samples, makeDue } = await prepareTraces({}, protocol);
    const [failed, sent] = [await counter("octogauge_ci_traces_failed_total"), await counter("octogauge_ci_traces_sent_total")];
    await leave(collector);
    const runs = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12];
    for (const run of runs) await deliverAll(ciRun(run));
    await send();
    await makeDue();
    await send();
    expect(collector.spans).toEqual([]);
    expect(await samples("octogauge_ci_traces_pending")).toEqual(["octogauge_ci_traces_pending{} 12"]);
    expect((await outbox()).filter(({ error }) => error !== "").length).toBeGreaterThanOrEqual(10);
    expect(await counter("octogauge_ci_traces_failed_total")).toBeGreaterThanOrEqual(failed + 10);
    collector.fail(undefined);
    await collector.restart();
    await sendUntil(() => collector.spans.length >= 17 * runs.length);
    for (const run of runs) expect(linesOf(collector, traceOf(run))).toEqual(expectedSpans(run));
    expect(collector.spans).toHaveLength(17 * runs.length);
    expect(await counter("octogauge_ci_traces_sent_total")).toBe(sent + runs.length);
    expect(await samples("octogauge_ci_traces")).toEqual([
      "octogauge_ci_traces_pending{} 0",
      "octogauge_ci_traces_oldest_pending_age_seconds{} 0",
    ]);
  });

  it("is retried with backoff", async () => {
    const { collector, deliverAll, get, makeDue } = await prepareTraces();
    collector.fail(400);
    for (let run = 1; run <= 12; run += 1) await deliverAll(ciRun(run));
    const rests: number[] = [];
    for (let round = 0; round < 8; round += 1) {
      await makeDue();
      const outcome = await get(SendLoop).runOnce();
      rests.push(typeof outcome === "object" ? outcome.restSeconds : Number.NaN);
    }
    // Ten requests in the first round, then one per round. The rests have full jitter: their limit doubles from 1 s to 30 s.
    expect(collector.requests).toHaveLength(10 + 7);
    expect(rests.filter((seconds, round) => !(seconds >= 0 && seconds <= Math.min(30, 2 ** round)))).toEqual([]);
  });

  it("does not let the outbox grow without limit: old traces are dropped and counted", async () => {
    const { collector, deliverAll, get, url, outbox, jobs, send } = await prepareTraces();
    collector.fail(400);
    await deliverAll([...ciRun(1), ...ciRun(2)]);
    await rowsOf(url, "UPDATE octogauge.ci_trace_outbox SET pending_since = now() - interval '4 days' WHERE run_id = 1");
    const dropped = await counter("octogauge_ci_traces_dropped_total");
    await get(CiTracesRetention).runOnce();
    expect(await counter("octogauge_ci_traces_dropped_total")).toBe(dropped + 1);
    expect([(await outbox()).length, await jobs()]).toEqual([1, 3]);
    // Sent traces and jobs of runs that never complete are deleted after the same time.
    collector.fail(undefined);
    await send();
    await rowsOf(url, "UPDATE octogauge.ci_trace_outbox SET sent_at = now() - interval '4 days'");
    await deliverAll(ciRun(3).slice(0, -1));
    await rowsOf(url, "UPDATE octogauge.ci_trace_jobs SET noted_at = now() - interval '4 days' WHERE job_id % 10 = 0");
    await get(CiTracesRetention).runOnce();
    expect([await outbox(), await jobs()]).toEqual([[], 2]);
    expect(await counter("octogauge_ci_traces_dropped_total")).toBe(dropped + 1);
  });
});
