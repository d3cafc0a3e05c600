import { Injectable } from "@nestjs/common";
import { InjectMetric, makeGaugeProvider, makeHistogramProvider } from "@willsoto/nestjs-prometheus";
import { Gauge, Histogram } from "prom-client";
import { exemplarOf, makeExemplarHistogramProvider } from "../tracing/index.js";

const SIZE = "octogauge_inbox_flush_size";
const WAITING = "octogauge_inbox_waiting_deliveries";
const SECONDS = "octogauge_inbox_flush_duration_seconds";

export const intakeMetricProviders = [
  makeGaugeProvider({ name: WAITING, help: "Deliveries that wait for a commit of the inbox to begin; they are not answered yet." }),
  makeHistogramProvider({
    name: SIZE,
    help: "Deliveries in one commit of the inbox.",
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
  }),
  makeExemplarHistogramProvider({
    name: SECONDS,
    help: "Time of one commit of the inbox.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  }),
];

/** This process's view of its flushes. */
@Injectable()
export class IntakeMetrics {
  constructor(
    @InjectMetric(SIZE) private readonly size: Histogram,
    @InjectMetric(SECONDS) private readonly seconds: Histogram,
    @InjectMetric(WAITING) private readonly waiting: Gauge,
  ) {}

  /** @returns call it when the flush has ended @param traceId of a delivery that is in it */
  startFlush(deliveries: number, traceId?: string): () => void {
    this.size.observe(deliveries);
    const began = performance.now();
    return () => this.seconds.observe({ value: (performance.now() - began) / 1_000, ...exemplarOf(traceId) });
  }

  /** @param waiting asked at each scrape */
  watch(waiting: () => number): void {
    Object.assign(this.waiting, { collect: () => this.waiting.set(waiting()) });
  }
}
