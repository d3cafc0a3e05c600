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
    help: "Time to answer a request of the public listener.",
    labelNames: ["status"],
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  }),
  makeCounterProvider({
    name: OUTCOMES,
    help: "Requests by outcome: accepted, duplicate, or why it was rejected.",
    labelNames: ["outcome"],
  }),
  makeCounterProvider({
    name: SECRETS,
    help: "Deliveries signed with each configured secret, by its place in the list.",
    labelNames: ["secret"],
  }),
  makeGaugeProvider({
    name: REQUESTS,
    help: "Deliveries held at once, of MAX_INFLIGHT_REQUESTS: their body is read, or they wait for their commit.",
  }),
  makeGaugeProvider({ name: BYTES, help: "Bytes of bodies held at once, of MAX_INFLIGHT_BYTES, as far as they have come." }),
];

/** Reasons for which a delivery is lost unless somebody asks for it again. */
const TURNED_AWAY = ["database", "deadline", "overload-requests", "overload-bytes", "hook-limit", "slow-body", "sender"];

/** This process's view of the public listener. */
@Injectable()
export class IngestMetrics {
  constructor(
    @InjectMetric(SECONDS) private readonly seconds: Histogram,
    @InjectMetric(OUTCOMES) private readonly outcomes: Counter,
    @InjectMetric(SECRETS) private readonly secrets: Counter,
    @InjectMetric(REQUESTS) private readonly requests: Gauge,
    @InjectMetric(BYTES) private readonly bytes: Gauge,
  ) {
    // A series that only appears with its first refusals shows no increase for them, and an outage may have no others.
    for (const outcome of TURNED_AWAY) outcomes.inc({ outcome }, 0);
  }

  /** @param traceId of the delivery */
  answered(answer: WebhookAnswer, seconds: number, traceId?: string): void {
    this.seconds.observe({ labels: { status: String(answer.status) }, value: seconds, ...exemplarOf(traceId) });
    this.outcomes.inc({ outcome: answer.reason });
  }

  /** @param held asked at each scrape */
  watch(held: Pick<AdmissionControl, "requests" | "bytes">): void {
    Object.assign(this.requests, { collect: () => this.requests.set(held.requests) });
    Object.assign(this.bytes, { collect: () => this.bytes.set(held.bytes) });
  }

  /** @param index of the secret, from 0 */
  secretUsed(index: number): void {
    this.secrets.inc({ secret: String(index + 1) });
  }
}
