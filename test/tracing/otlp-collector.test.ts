import { SpanKind, SpanStatusCode, TraceFlags } from "@opentelemetry/api";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import { resourceFromAttributes } from "@opentelemetry/resources";
import type { ReadableSpan } from "@opentelemetry/sdk-trace";
import { describe, expect, it, onTestFinished } from "vitest";
import { loadConfig } from "../../src/config/config.js";
import { otlpExporter } from "../../src/tracing/otlp-exporter.js";
import { OtlpCollector, type OtlpProtocol } from "../support/otlp-collector.js";
import { until } from "../support/wait.js";

const TRACE = "0af7651916cd43dd8448eb211c80319c";

const context = (spanId: string) => ({ traceId: TRACE, spanId, traceFlags: TraceFlags.SAMPLED });

const SPAN: ReadableSpan = {
  name: "a span",
  kind: SpanKind.SERVER,
  spanContext: () => context("b7ad6b7169203331"),
  parentSpanContext: context("00f067aa0ba902b7"),
  startTime: [1_795_000_000, 5],
  endTime: [1_795_000_001, 999_999_999],
  duration: [1, 999_999_994],
  status: { code: SpanStatusCode.ERROR, message: "it failed" },
  attributes: { text: "ä", whole: 7, broken: 0.5, yes: true, no: false, list: ["a", "b"] },
  links: [{ context: context("1111111111111111"), attributes: { why: "again" } }],
  events: [{ name: "an event", time: [1_795_000_000, 6], attributes: { at: 1 } }],
  ended: true,
  resource: resourceFromAttributes({ "service.name": "tests" }),
  instrumentationScope: { name: "a scope", version: "1.2.3" },
  droppedAttributesCount: 0,
  droppedEventsCount: 0,
  droppedLinksCount: 0,
};

async function prepare(protocol: OtlpProtocol) {
  const collector = await OtlpCollector.start({ protocol });
  onTestFinished(() => collector.stop());
  const exporter = await otlpExporter(
    loadConfig({ ...collector.environment, OTEL_EXPORTER_OTLP_HEADERS: "x-tenant=ci,authorization=Bearer%20abc" }),
  );
  onTestFinished(() => exporter.shutdown());
  const send = () => new Promise<ExportResult>((resolve) => exporter.export([SPAN], resolve));
  return { collector, send };
}

describe.each<OtlpProtocol>(["http/protobuf", "http/json", "grpc"])("the collector of the tests, by %s", (protocol) => {
  it("receives the exported spans and their headers", async () => {
    const { collector, send } = await prepare(protocol);
    expect(await send()).toEqual({ code: ExportResultCode.SUCCESS });
    expect(collector.requests).toHaveLength(1);
    expect(collector.requests[0]?.headers).toMatchObject({ "x-tenant": "ci", authorization: "Bearer abc" });
    expect(collector.spans).toEqual([
      {
        traceId: TRACE,
        spanId: "b7ad6b7169203331",
        parentSpanId: "00f067aa0ba902b7",
        name: "a span",
        kind: 2,
        start: 1_795_000_000_000_000_005n,
        end: 1_795_000_001_999_999_999n,
        attributes: SPAN.attributes,
        events: [{ name: "an event", time: 1_795_000_000_000_000_006n, attributes: { at: 1 } }],
        links: [{ traceId: TRACE, spanId: "1111111111111111", attributes: { why: "again" } }],
        status: { code: 2, message: "it failed" },
        flags: 0x101,
        resource: { "service.name": "tests" },
        scope: { name: "a scope", version: "1.2.3" },
      },
    ]);
  });

  it("refuses, hangs, closes, and listens again on the same port", async () => {
    const { collector, send } = await prepare(protocol);
    collector.fail(400);
    expect((await send()).code).toBe(ExportResultCode.FAILED);
    expect(collector.requests[0]?.isTaken).toBe(false);
    expect(collector.spans).toEqual([]);
    collector.fail(undefined);
    collector.mute(true);
    void send();
    await collector.waitFor(({ spans }) => spans.length === 1);
    collector.mute(false);
    const { endpoint } = collector;
    await collector.stop();
    await expect(fetch(endpoint)).rejects.toThrow("fetch failed");
    await collector.restart();
    expect(collector.endpoint).toBe(endpoint);
    // Some exporters send unanswered spans again, and some do not reconnect at once.
    const before = collector.spans.length;
    await until("an export that succeeds", async () => (await send()).code === ExportResultCode.SUCCESS);
    expect(collector.spans.length).toBeGreaterThan(before);
  });
});
