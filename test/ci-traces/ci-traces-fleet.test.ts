import { randomUUID } from "node:crypto";
import { expect, it, onTestFinished } from "vitest";
import { createRandom } from "../../src/simulator/random.js";
import { type CiEvent, ciRun, expectedSpans, traceOf } from "../support/ci-run.js";
import { linesOf } from "../support/ci-traces.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { post } from "../support/octogauge.js";
import { OtlpCollector } from "../support/otlp-collector.js";
import { Replica } from "../support/replica.js";
import { until } from "../support/wait.js";

const SPANS = 17;

async function prepare(settle: string) {
  const collector = await OtlpCollector.start();
  onTestFinished(() => collector.stop());
  const url = await freshDatabase();
  const settings = { CI_TRACES: "on", CI_TRACES_SETTLE: settle, OTEL_TRACES_EXPORTER: "none", ...collector.environment };
  const [gateway, ...workers] = await Promise.all(
    ["gateway", "worker", "worker"].map((MODE) => Replica.start(url, { ...settings, MODE, BATCH_SIZE: "7" })),
  );
  const drained = () => until("an empty inbox", async () => (await rowsOf(url, "SELECT FROM octogauge.inbox LIMIT 1")).length === 0);
  return { collector, url, gateway: gateway!, workers: workers as [Replica, Replica], drained };
}

const seed = Number(process.env["PROPERTY_SEED"] ?? Date.now() % 1_000_000);

it(`every run is one trace, in any order and with copies, with two workers (PROPERTY_SEED=${seed})`, async () => {
  const random = createRandom(String(seed));
  const { collector, url, gateway, workers, drained } = await prepare("4s");
  const runs = Array.from({ length: 30 }, (_, index) => index + 1);
  const sent: (CiEvent & { readonly id: string })[] = [];
  for (const run of runs) {
    for (const event of ciRun(run)) {
      const first = { ...event, id: randomUUID() };
      sent.push(first);
      // The same delivery again, or the same event from another hook.
      if (random.chance(0.2)) sent.push(first);
      if (random.chance(0.2)) sent.push({ ...event, id: randomUUID() });
    }
  }
  const inRandomOrder = () => sent.map((event) => ({ event, by: random.next() })).sort((a, b) => a.by - b.by);
  for (const order = inRandomOrder(); order.length > 0;) {
    const some = order.splice(0, 20);
    const answers = await Promise.all(some.map(({ event: { event, payload, id } }) => post(gateway.webhook, event, payload, id)));
    expect(answers.every(({ status }) => status === 202)).toBe(true);
  }
  await drained();
  await collector.waitFor(({ spans }) => spans.length >= runs.length * SPANS);
  for (const run of runs) expect(linesOf(collector, traceOf(run))).toEqual(expectedSpans(run));
  expect(collector.spans).toHaveLength(runs.length * SPANS);

  // Send all of it again under new ids.
  for (const order = inRandomOrder(); order.length > 0;)
    await Promise.all(order.splice(0, 20).map(({ event: { event, payload } }) => post(gateway.webhook, event, payload, randomUUID())));
  await drained();
  const pending = await rowsOf(url, "SELECT FROM octogauge.ci_trace_outbox WHERE due_at IS NOT NULL");
  const jobs = await rowsOf(url, "SELECT FROM octogauge.ci_trace_jobs");
  expect([pending, jobs, collector.spans.length]).toEqual([[], [], runs.length * SPANS]);
  const counts = await Promise.all(
    workers.map(async (worker) => {
      const text = await (await fetch(`${worker.management}/metrics/process`)).text();
      return Number(/^octogauge_ci_traces_sent_total (\d+)/m.exec(text)?.[1]);
    }),
  );
  expect(counts[0]! + counts[1]!).toBe(collector.requests.length);
});

it("if a worker is killed before it records that its trace was sent, another worker sends the same trace again", async () => {
  const { collector, url, gateway, workers, drained } = await prepare("10ms");
  await workers[1].kill("SIGKILL");
  collector.mute(true);
  for (const { event, payload } of ciRun(1)) await post(gateway.webhook, event, payload);
  await drained();
  await collector.waitFor(({ requests }) => requests.some(({ spans }) => spans.some(({ name }) => name === "RUN CI")));
  await workers[0].kill("SIGKILL");
  const before = collector.spans.filter(({ traceId }) => traceId === traceOf(1));
  collector.mute(false);
  await workers[1].start();
  const due = () => rowsOf<{ due: boolean }>(url, "SELECT due_at <= now() AS due FROM octogauge.ci_trace_outbox WHERE due_at IS NOT NULL");
  // Other workers skip a leased trace.
  expect(await due()).toEqual([{ due: false }]);
  await rowsOf(url, "UPDATE octogauge.ci_trace_outbox SET due_at = now()");
  await until("a trace that is sent", async () => (await due()).length === 0);
  const all = linesOf(collector, traceOf(1));
  expect([...new Set(all)]).toEqual(expectedSpans(1));
  // The trace is identical, so a store that goes by ids has it once.
  const root = collector.spans.filter(({ name }) => name === "RUN CI");
  expect(root.length).toBeGreaterThanOrEqual(2);
  for (const span of root) expect(span).toEqual(before.find(({ name }) => name === "RUN CI"));
});
