import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { Database } from "../../src/database/database.js";
import { generateHistory } from "../../src/simulator/history.js";
import { type CiEvent, ciRun, spanOf, traceOf } from "../support/ci-run.js";
import { isJob, lineOf, prepareTraces } from "../support/ci-traces.js";
import { rowsOf } from "../support/database.js";
import { post, startInstance } from "../support/octogauge.js";
import { OtlpCollector } from "../support/otlp-collector.js";
import { at } from "../support/clock.js";

describe("unusual payloads", () => {
  const job = (id: number, fields: Record<string, unknown>): CiEvent => {
    const completed = ciRun(7).find(isJob(0, "completed"));
    return {
      event: "workflow_job",
      payload: { ...completed!.payload, workflow_job: { ...(completed!.payload["workflow_job"] as object), id, ...fields } },
    };
  };
  const runCompleted = ciRun(7).at(-1)!;

  it.each([
    [
      "skipped and created after its end",
      {
        conclusion: "skipped",
        runner_id: null,
        steps: [],
        created_at: at("10:02:00"),
        started_at: at("10:01:00"),
        completed_at: at("10:01:00"),
      },
      ["0 60-60 skip build"],
    ],
    [
      "cancelled in the queue",
      { conclusion: "cancelled", runner_id: 0, steps: null, started_at: at("10:00:02"), completed_at: at("10:00:30") },
      ["0 2-30 cancellation build"],
    ],
    [
      "timed out, with a step that never started",
      { conclusion: "timed_out", steps: [{ number: 1, name: "a", conclusion: null, started_at: null, completed_at: null }] },
      ["0 2-12 - queue", "2 12-60 timeout build"],
    ],
    ["failed before its start", { conclusion: "startup_failure", steps: [] }, ["0 2-12 - queue", "2 12-60 error build"]],
    ["completed with an unknown conclusion", { conclusion: "abducted", steps: [] }, ["0 2-12 - queue", "0 12-60 abducted build"]],
    ["without conclusion and name", { conclusion: null, name: null, steps: [] }, ["0 2-12 - queue", "0 12-60 unknown job:5"]],
    [
      "running backwards",
      {
        steps: [{ number: 3, name: "b", conclusion: "success", started_at: at("10:00:20"), completed_at: at("10:00:19") }],
      },
      ["0 2-12 - queue", "0 12-60 success build", "0 20-20 success b"],
    ],
  ])("a job that is %s", async (_, fields, expected) => {
    const { collector, deliverAll, send } = await prepareTraces();
    await deliverAll([job(5, fields), runCompleted]);
    await send();
    const lines = collector.spans
      .filter(({ parentSpanId }) => parentSpanId !== "")
      .map((span) => lineOf(span).split(" ").slice(3).join(" "));
    expect(lines.sort()).toEqual([...expected].sort());
  });

  it("a body with invalid details is counted, and traced without them", async () => {
    const { collector, deliverAll, send, samples } = await prepareTraces();
    const nonsense = {
      steps: [null, 3, { number: "x" }, { number: 1.5 }, []],
      name: {},
      html_url: 4,
      runner_name: [],
      runner_group_name: 1,
      labels: "x",
    };
    const run = {
      ...runCompleted.payload,
      workflow_run: {
        ...(runCompleted.payload["workflow_run"] as object),
        html_url: {},
        head_sha: 3,
        head_branch: null,
        run_number: "a",
        pull_requests: [null],
      },
    };
    await deliverAll([job(5, nonsense), { event: "workflow_run", payload: run }]);
    await send();
    expect(collector.spans.map(({ name }) => name).sort()).toEqual(["RUN CI", "job:5", "queue"]);
    expect(await samples("github_workflow_jobs_completed_total")).toHaveLength(1);
    expect(await samples("octogauge_dead_letters")).toEqual([]);
  });

  it("a body that is invalid JSON after the projected members is still counted", async () => {
    const { accept, process, outbox, samples } = await prepareTraces();
    for (const { event, payload } of [job(5, {}), runCompleted]) await accept(event, `${JSON.stringify(payload).slice(0, -1)},"x":tru}`);
    await process();
    expect(await samples("github_workflow_jobs_completed_total")).toHaveLength(1);
    expect(await samples("octogauge_dead_letters")).toEqual([]);
    expect(await outbox()).toEqual([]);
  });

  it("the result of a look-up is traced like an event", async () => {
    const { collector, get, process, send } = await prepareTraces();
    const { putLookupResults } = await import("../../src/intake/lookup-results.js");
    const answers = [job(5, {}), runCompleted].map(({ event, payload }, index) => ({
      id: `aaaaaaaa-0000-1000-8000-00000000000${index}`,
      event: `${event}.lookup` as const,
      payload: { ...payload, action: "" },
    }));
    await putLookupResults(get(Database), answers, true);
    await process();
    await send();
    expect(collector.spans).toHaveLength(7);
  });
});

describe.each([
  ["that it waited for an approval", { conclusion: "action_required", updated_at: at("10:59:00") }],
  ["that it ended earlier", { conclusion: "cancelled", updated_at: at("10:00:05") }],
])("a run ends with its real conclusion, although the same batch says %s", (_, fields) => {
  it.each([1, 0])("with that event at position %i of the batch", async (position) => {
    const { collector, deliverAll, send } = await prepareTraces();
    const end = ciRun(7).at(-1)!;
    const run = end.payload["workflow_run"] as { conclusion: string };
    await deliverAll([end].toSpliced(position, 0, { ...end, payload: { ...end.payload, workflow_run: { ...run, ...fields } } }));
    await send();
    expect(collector.spans.map(({ attributes }) => attributes["github.conclusion"])).toEqual([run.conclusion]);
  });
});

it("a run of thousands of steps is sent in several requests, complete", async () => {
  const { collector, deliverAll, send, outbox } = await prepareTraces();
  const completed = ciRun(7).find(isJob(0, "completed"))!;
  const steps = Array.from({ length: 500 }, (_, index) => ({
    number: index + 1,
    name: `step ${index + 1}`,
    conclusion: "success",
    started_at: at("10:00:20"),
    completed_at: at("10:00:21"),
  }));
  const withSteps = (id: number): CiEvent => ({
    ...completed,
    payload: { ...completed.payload, workflow_job: { ...(completed.payload["workflow_job"] as object), id, steps } },
  });
  const jobs = [101, 102, 103, 104, 105].map(withSteps);
  await deliverAll([...jobs, ciRun(7).at(-1)!]);
  await send();
  // One span for the run, and for each job its own span, its queue time and its steps.
  expect(collector.spans).toHaveLength(1 + 5 * 502);
  expect(new Set(collector.spans.map(({ spanId }) => spanId)).size).toBe(1 + 5 * 502);
  expect(collector.requests).toHaveLength(3);
  expect(await outbox()).toMatchObject([{ due: false, sent: true }]);
});

it("a collector that does not answer does not delay shutdown, and another worker sends its traces", async () => {
  const collector = await OtlpCollector.start();
  onTestFinished(() => collector.stop());
  const settings = { CI_TRACES: "on", CI_TRACES_SETTLE: "0", OTEL_TRACES_EXPORTER: "none", ...collector.environment };
  const instance = await startInstance(settings);
  collector.mute(true);
  await post(instance.webhook, "workflow_run", ciRun(7).at(-1)!.payload);
  await collector.waitFor(({ requests }) => requests.length > 0);
  await instance.stop();
  // The stop ended the request. Without that, the error would name the time-out of the collector.
  expect(await rowsOf(instance.databaseUrl, "SELECT error FROM octogauge.ci_trace_outbox")).toEqual([
    { error: "this process is shutting down" },
  ]);
  collector.mute(false);
  await rowsOf(instance.databaseUrl, "UPDATE octogauge.ci_trace_outbox SET due_at = now()");
  const before = collector.requests.length;
  await startInstance(settings, instance.databaseUrl);
  await collector.waitFor(({ requests }) => requests.length > before);
});

it("counters are the same with and without traces", async () => {
  const history = [...generateHistory({ seed: 11, deliveries: 1_500, pad: true })];
  const counted = async (CI_TRACES: string) => {
    const { accept, process, samples, outbox } = await prepareTraces({ CI_TRACES });
    await Promise.all(history.map(({ event, body, deliveryId }) => accept(event, body, deliveryId)));
    await process();
    return { lines: (await samples("github_")).filter((line) => !line.includes("_age_seconds")), runs: (await outbox()).length };
  };
  const [off, on] = [await counted("off"), await counted("on")];
  expect(on.lines).toEqual(off.lines);
  const completed = on.lines.filter((line) => line.startsWith("github_workflow_runs_completed_total"));
  expect([off.runs, on.runs]).toEqual([0, completed.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0)]);
  expect(on.runs).toBeGreaterThan(50);
});

describe("CI_TRACES=off", () => {
  it("stores nothing", async () => {
    const { deliverAll, outbox, jobs, samples } = await prepareTraces({ CI_TRACES: "off" });
    await deliverAll(ciRun(7));
    expect([await outbox(), await jobs(), await samples("octogauge_ci_traces")]).toEqual([[], 0, []]);
    expect(await samples("github_workflow_jobs_completed_total")).toHaveLength(2);
  });
});

it("docs/observability.md computes the same trace ids for a job", () => {
  const page = readFileSync(fileURLToPath(new URL("../../docs/observability.md", import.meta.url)), "utf8");
  const script = /```sh\n(id\(\)[^`]+)```/.exec(page)?.[1] ?? "";
  const environment = { PATH: process.env["PATH"], GITHUB_RUN_ID: "7", GITHUB_RUN_ATTEMPT: "2" };
  const output = execFileSync("sh", ["-c", `${script}\nprintf %s "$TRACEPARENT"`], { env: environment, encoding: "utf8" });
  expect(output).toBe(`00-${traceOf(7, 2)}-${spanOf(7, "run", 2)}-01`);
});
