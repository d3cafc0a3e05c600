import { Counter, Gauge, Histogram, register } from "prom-client";
import { describe, expect, it } from "vitest";
import { ProcessTotals, type MetricSnapshot } from "../../src/cluster/process-totals.js";
import { IntakeMetrics } from "../../src/intake/intake.metrics.js";
import { ACCEPTED } from "../../src/ingest/answer.js";
import { IngestMetrics } from "../../src/ingest/ingest.metrics.js";
import { openMetricsOf } from "../../src/metrics/process-exposition.js";
import { ProcessingMetrics } from "../../src/processing/processing.metrics.js";
import { startInstance, type TestInstance } from "../support/octogauge.js";
import { hasPrometheus, Prometheus } from "../support/prometheus.js";

const OPENMETRICS = { accept: "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5" };
const TRACE = (last: number) => `4bf92f3577b34da6a3ce929d0e0e47${last}`;

const scrape = async ({ managementUrl }: Pick<TestInstance, "managementUrl">, headers: Record<string, string> = {}) =>
  (await fetch(`${managementUrl}/metrics/process`, { headers })).text();

/** The metrics objects that this process registered. */
const registered = () => {
  const histogram = (name: string) => register.getSingleMetric(`octogauge_${name}`) as Histogram;
  const gauge = (name: string) => register.getSingleMetric(`octogauge_${name}`) as Gauge;
  const counter = (name: string) => register.getSingleMetric(`octogauge_${name}`) as Counter;
  return {
    ingest: new IngestMetrics(
      histogram("http_request_duration_seconds"),
      counter("deliveries_total"),
      counter("webhook_secret_uses_total"),
      gauge("inflight_requests"),
      gauge("inflight_bytes"),
    ),
    inbox: new IntakeMetrics(histogram("inbox_flush_size"), histogram("inbox_flush_duration_seconds"), gauge("inbox_waiting_deliveries")),
    processing: new ProcessingMetrics(
      histogram("processing_batch_size"),
      counter("processing_deliveries_total"),
      counter("processing_delayed_total"),
      histogram("processing_claim_duration_seconds"),
      histogram("processing_batch_duration_seconds"),
      counter("processing_errors_total"),
    ),
  };
};

const observe = () => {
  const { ingest, inbox, processing } = registered();
  ingest.answered(ACCEPTED, 0.003, TRACE(11));
  inbox.startFlush(2, TRACE(12))();
  processing.claimed([{ priority: 0 }], 20, TRACE(13));
  processing.applied(0.2, TRACE(14));
};

describe("/metrics/process", () => {
  it("has exemplars in OpenMetrics, on the bucket of the observation", async () => {
    const instance = await startInstance();
    observe();
    const exemplars = new Map(
      (await scrape(instance, OPENMETRICS)).split("\n").flatMap((line) => {
        const [series = "", exemplar] = line.split(/ \d+ # /);
        return exemplar === undefined ? [] : [[series, exemplar]];
      }),
    );
    expect([...exemplars.keys()].map((series) => series.replace(/(?<=inbox.*le=)"[^"]+"/, '"some"')).sort()).toEqual([
      'octogauge_http_request_duration_seconds_bucket{le="0.005",status="202"}',
      'octogauge_inbox_flush_duration_seconds_bucket{le="some"}',
      'octogauge_processing_batch_duration_seconds_bucket{le="0.25"}',
      'octogauge_processing_claim_duration_seconds_bucket{le="+Inf"}',
    ]);
    expect([...exemplars.values()].map((exemplar) => exemplar.split(" ")[0]).sort()).toEqual(
      [11, 12, 13, 14].map((last) => `{trace_id="${TRACE(last)}"}`),
    );
    expect(exemplars.get('octogauge_processing_claim_duration_seconds_bucket{le="+Inf"}')).toMatch(
      /^\{trace_id="\w{32}"\} 20 \d{10}(\.\d{1,3})?$/,
    );
    const second = TRACE(21);
    registered().ingest.answered(ACCEPTED, 0.004, second);
    registered().ingest.answered(ACCEPTED, 0.004);
    expect(await scrape(instance, OPENMETRICS)).toContain(`# {trace_id="${second}"} 0.004 `);
  });

  it("answers both formats concurrently, without mixing them", async () => {
    const instance = await startInstance();
    observe();
    const before = await scrape(instance);
    const answers = await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const wantsOpen = index % 2 === 0;
        const response = await fetch(`${instance.managementUrl}/metrics/process`, { headers: wantsOpen ? OPENMETRICS : {} });
        return { wantsOpen, type: response.headers.get("content-type"), text: await response.text() };
      }),
    );
    for (const { wantsOpen, type, text } of answers) {
      expect(type).toBe(
        wantsOpen ? "application/openmetrics-text; version=1.0.0; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8",
      );
      expect(text.endsWith("# EOF\n")).toBe(wantsOpen);
      expect(text.includes(" # {")).toBe(wantsOpen);
      expect(text).toContain(`# TYPE octogauge_deliveries${wantsOpen ? "" : "_total"} counter\n`);
      expect(text).toMatch(/^octogauge_deliveries_total\{outcome="accepted"\} \d+$/m);
    }
    const names = (text: string) => [...text.matchAll(/^[a-z]\w*/gm)].map(([name]) => name).sort();
    expect([...new Set(names(await scrape(instance)))]).toEqual([...new Set(names(before))]);
    expect([...new Set(names(answers[0]!.text))]).toEqual([...new Set(names(before))]);
  });

  it.skipIf(!hasPrometheus)("is accepted by Prometheus, exemplars included", async () => {
    const instance = await startInstance();
    observe();
    const target = new URL(instance.managementUrl).host;
    const prometheus = await Prometheus.start(
      `global: { scrape_interval: 1s }\nscrape_configs: [{ job_name: process, metrics_path: /metrics/process, static_configs: [{ targets: ["${target}"] }] }]\n`,
      ["--enable-feature=exemplar-storage"],
    );
    await expect.poll(() => prometheus.scalar('up{job="process"}')).toBe(1);
    expect(await prometheus.scalar("octogauge_deliveries_total{outcome='accepted'}")).toBeGreaterThan(0);
    expect(await prometheus.scalar("nodejs_eventloop_lag_p99_seconds")).toBeGreaterThan(0);
    const now = Date.now() / 1_000;
    const query = new URLSearchParams({
      query: "octogauge_http_request_duration_seconds_bucket",
      start: `${now - 600}`,
      end: `${now + 60}`,
    });
    const answer = (await (await fetch(`${prometheus.url}/api/v1/query_exemplars?${query.toString()}`)).json()) as {
      data: { exemplars: { labels: Record<string, string> }[] }[];
    };
    expect(answer.data.flatMap(({ exemplars }) => exemplars.map(({ labels }) => labels))).toContainEqual({ trace_id: TRACE(11) });
  });
});

describe("metrics of several processes", () => {
  const snapshotsOf = (count: number, timestamp: number, trace_id: string): MetricSnapshot[] => [
    {
      name: "seconds",
      help: 'a "quoted"\nhelp',
      type: "histogram",
      values: [
        {
          metricName: "seconds_bucket",
          labels: { le: 1, status: "202" },
          value: count,
          exemplar: { labelSet: { trace_id }, value: 0.5, timestamp },
        },
        { metricName: "seconds_bucket", labels: { le: "+Inf", status: "202" }, value: count, exemplar: null },
        { metricName: "seconds_sum", labels: { status: "202" }, value: count / 2 },
      ],
      aggregator: "sum",
    } as MetricSnapshot,
    {
      name: "lag",
      help: "lag",
      type: "gauge",
      values: [{ labels: {}, value: null as unknown as number }],
      aggregator: "average",
    } as MetricSnapshot,
  ];

  it("the newest exemplar stays, also after its process has ended, and the sums are right in both formats", async () => {
    const totals = new ProcessTotals();
    totals.record(1, snapshotsOf(3, 200, "newer"));
    totals.record(2, snapshotsOf(4, 100, "older"));
    await totals.removeProcess(1);
    const open = openMetricsOf(await totals.total());
    expect(open).toContain('# HELP seconds a \\"quoted\\"\\nhelp\n# TYPE seconds histogram\n');
    expect(open).toContain('seconds_bucket{le="1",status="202"} 7 # {trace_id="newer"} 0.5 200\n');
    expect(open).toContain('seconds_bucket{le="+Inf",status="202"} 7\n');
    expect(open).toContain('seconds_sum{status="202"} 3.5\n');
    const text = await totals.text();
    expect(text).toContain('seconds_bucket{le="1",status="202"} 7\n');
    expect(text).not.toContain(" # {");
    expect(openMetricsOf([{ name: "n", help: "n", type: "gauge", values: [{ labels: {}, value: Number.NaN }] }])).toContain("\nn NaN\n");
  });
});
