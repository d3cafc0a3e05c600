import { Injectable } from "@nestjs/common";
import { InjectMetric, makeHistogramProvider } from "@willsoto/nestjs-prometheus";
import { Histogram } from "prom-client";

const SIZE = "octogauge_inbox_flush_size";
const SECONDS = "octogauge_inbox_flush_duration_seconds";

export const inboxMetricProviders = [
  makeHistogramProvider({
    name: SIZE,
    help: "Deliveries in one commit of the inbox.",
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
  }),
  makeHistogramProvider({
    name: SECONDS,
    help: "Time of one commit of the inbox.",
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  }),
];

/** This process's view of its flushes. */
@Injectable()
export class InboxMetrics {
  constructor(
    @InjectMetric(SIZE) private readonly size: Histogram,
    @InjectMetric(SECONDS) private readonly seconds: Histogram,
  ) {}

  /** @returns call it when the flush has ended */
  startFlush(deliveries: number): () => void {
    this.size.observe(deliveries);
    return this.seconds.startTimer();
  }
}
