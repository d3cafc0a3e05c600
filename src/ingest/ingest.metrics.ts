import { Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider, makeGaugeProvider } from "@willsoto/nestjs-prometheus";
import { Counter, Gauge, Histogram } from "prom-client";
import { exemplarOf, makeExemplarHistogramProvider } from "../tracing/index.js";
import type { AdmissionControl } from "./admission.js";
import type { WebhookAnswer } from "./answer.js";

const SECONDS = "octogauge_http_request_duration_seconds";
const OUTCOMES = "octogauge_deliveries_total";
const SECRETS = "octogauge_webhook_secret_uses_total";
const REQUESTS = "octogauge_inflight_requests";
const BYTES = "octogauge_inflight_bytes";

export const ingestMetricProviders = [
  makeExemplarHistogramProvider({
    name: SECONDS,
    help: "Duration of requests to the public listener, from arrival to answer.",
    labelNames: ["status"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  }),
  makeCounterProvider({
    name: OUTCOMES,
    help: "Requests by outcome: accepted, duplicate, or the reason of the rejection.",
    labelNames: ["outcome"],
  }),
  makeCounterProvider({
    name: SECRETS,
    help: "Deliveries by the secret that signed them; 1 is the first secret of the list.",
    labelNames: ["secret"],
  }),
  makeGaugeProvider({
    name: REQUESTS,
    help: "Deliveries that are read or wait for their commit; the limit is MAX_INFLIGHT_REQUESTS.",
  }),
  makeGaugeProvider({ name: BYTES, help: "Bytes of bodies in memory; the limit is MAX_INFLIGHT_BYTES." }),
];

/** Outcomes after which a delivery is lost unless a redelivery is requested. */
const RETRYABLE_OUTCOMES = ["database", "deadline", "overload-requests", "overload-bytes", "hook-limit", "slow-body", "sender"];

/** Metrics of the public listener of this process. */
@Injectable()
export class IngestMetrics {
  constructor(
    @InjectMetric(SECONDS) private readonly seconds: Histogram,
    @InjectMetric(OUTCOMES) private readonly outcomes: Counter,
    @InjectMetric(SECRETS) private readonly secrets: Counter,
    @InjectMetric(REQUESTS) private readonly requests: Gauge,
    @InjectMetric(BYTES) private readonly bytes: Gauge,
  ) {
    // Start at 0: a series that appears with its first rejections shows no increase for them.
    for (const outcome of RETRYABLE_OUTCOMES) outcomes.inc({ outcome }, 0);
  }

  /** @param traceId exemplar: the trace of the delivery */
  answered(answer: WebhookAnswer, seconds: number, traceId?: string): void {
    this.seconds.observe({ labels: { status: String(answer.status) }, value: seconds, ...exemplarOf(traceId) });
    this.outcomes.inc({ outcome: answer.reason });
  }

  /** @param held read at each scrape */
  watch(held: Pick<AdmissionControl, "requests" | "bytes">): void {
    Object.assign(this.requests, { collect: () => this.requests.set(held.requests) });
    Object.assign(this.bytes, { collect: () => this.bytes.set(held.bytes) });
  }

  /** @param index of the secret, from 0; the label counts from 1 */
  secretUsed(index: number): void {
    this.secrets.inc({ secret: String(index + 1) });
  }
}
