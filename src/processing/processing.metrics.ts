import { Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider, makeHistogramProvider } from "@willsoto/nestjs-prometheus";
import { Counter, Histogram } from "prom-client";
import { priorityOf } from "../intake/index.js";
import { exemplarOf, makeExemplarHistogramProvider } from "../tracing/index.js";

const SIZE = "octogauge_processing_batch_size";
const DELIVERIES = "octogauge_processing_deliveries_total";
const CLAIM = "octogauge_processing_claim_duration_seconds";
const BATCH = "octogauge_processing_batch_duration_seconds";
const DELAYED = "octogauge_processing_delayed_total";
const ERRORS = "octogauge_processing_errors_total";

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

export const processingMetricProviders = [
  makeHistogramProvider({
    name: SIZE,
    help: "Deliveries in one processing transaction.",
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000],
  }),
  makeCounterProvider({ name: DELIVERIES, help: "Deliveries claimed for processing, by priority.", labelNames: ["priority"] }),
  makeCounterProvider({ name: DELAYED, help: "Times that RATE_LIMITS delayed a delivery." }),
  makeExemplarHistogramProvider({ name: CLAIM, help: "Time to claim a batch.", buckets: SECONDS }),
  makeExemplarHistogramProvider({ name: BATCH, help: "Time of one processing transaction.", buckets: SECONDS }),
  makeCounterProvider({
    name: ERRORS,
    help: "Failed processing transactions: after `transient` errors the batch is retried, after `data` errors each delivery alone; `crash`: another worker crashed during its batch.",
    labelNames: ["kind"],
  }),
];

/** Metrics of the processing in this process. */
@Injectable()
export class ProcessingMetrics {
  constructor(
    @InjectMetric(SIZE) private readonly size: Histogram,
    @InjectMetric(DELIVERIES) private readonly deliveries: Counter,
    @InjectMetric(DELAYED) private readonly delays: Counter,
    @InjectMetric(CLAIM) private readonly claimSeconds: Histogram,
    @InjectMetric(BATCH) private readonly batchSeconds: Histogram,
    @InjectMetric(ERRORS) private readonly errors: Counter,
  ) {}

  /** @param traceId trace of one of the deliveries, as exemplar */
  claimed(deliveries: readonly { readonly priority: number }[], seconds: number, traceId?: string): void {
    this.size.observe(deliveries.length);
    const counts = new Map<number, number>();
    for (const { priority: lane } of deliveries) counts.set(priorityOf(lane), (counts.get(priorityOf(lane)) ?? 0) + 1);
    for (const [priority, count] of counts) this.deliveries.inc({ priority }, count);
    this.claimSeconds.observe({ value: seconds, ...exemplarOf(traceId) });
  }

  delayed(deliveries: number): void {
    this.delays.inc(deliveries);
  }

  /** @param traceId trace of one of the deliveries, as exemplar */
  applied(seconds: number, traceId?: string): void {
    this.batchSeconds.observe({ value: seconds, ...exemplarOf(traceId) });
  }

  failed(kind: "transient" | "data" | "crash"): void {
    this.errors.inc({ kind });
  }
}
