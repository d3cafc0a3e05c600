import { Injectable } from "@nestjs/common";
import { InjectMetric, makeGaugeProvider, makeHistogramProvider } from "@willsoto/nestjs-prometheus";
import { Gauge, Histogram } from "prom-client";
import { exemplarOf, makeExemplarHistogramProvider } from "../tracing/index.js";

const SIZE = "octogauge_inbox_flush_size";
const WAITING = "octogauge_inbox_waiting_deliveries";
const SECONDS = "octogauge_inbox_flush_duration_seconds";

export const intakeMetricProviders = [
  makeGaugeProvider({ name: WAITING, help: "Deliveries that wait for the next inbox commit and are not answered yet." }),
  makeHistogramProvider({
    name: SIZE,
    help: "Deliveries per inbox commit.",
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
  }),
  makeExemplarHistogramProvider({
    name: SECONDS,
    help: "Duration of one inbox commit.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  }),
];

/** Metrics of the flushes of this process. */
@Injectable()
export class IntakeMetrics {
  constructor(
    @InjectMetric(SIZE) private readonly size: Histogram,
    @InjectMetric(SECONDS) private readonly seconds: Histogram,
    @InjectMetric(WAITING) private readonly waiting: Gauge,
  ) {}

  /** @param traceId exemplar: the trace of one delivery in the flush @returns a function to call when the flush ends */
  startFlush(deliveries: number, traceId?: string): () => void {
    this.size.observe(deliveries);
    const began = performance.now();
    return () => this.seconds.observe({ value: (performance.now() - began) / 1_000, ...exemplarOf(traceId) });
  }

  /** @param waiting called at each scrape */
  watch(waiting: () => number): void {
    Object.assign(this.waiting, { collect: () => this.waiting.set(waiting()) });
  }
}
