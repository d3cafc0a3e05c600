import { Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider } from "@willsoto/nestjs-prometheus";
import { Counter } from "prom-client";

const SENT = "octogauge_ci_traces_sent_total";
const FAILED = "octogauge_ci_traces_failed_total";
const DROPPED = "octogauge_ci_traces_dropped_total";

export const ciTracesMetricProviders = [
  makeCounterProvider({ name: SENT, help: "Traces that the collector accepted; only with `CI_TRACES`." }),
  makeCounterProvider({ name: FAILED, help: "Failed attempts to send a trace, which are retried; only with `CI_TRACES`." }),
  makeCounterProvider({
    name: DROPPED,
    help: "Traces dropped because they could not be sent within CI_TRACES_RETENTION; only with `CI_TRACES`.",
  }),
];

/** Metrics of the traces that this process sends. */
@Injectable()
export class CiTracesMetrics {
  constructor(
    @InjectMetric(SENT) private readonly sentTraces: Counter,
    @InjectMetric(FAILED) private readonly failedTraces: Counter,
    @InjectMetric(DROPPED) private readonly droppedTraces: Counter,
  ) {}

  ended(sent: number, failed: number): void {
    this.sentTraces.inc(sent);
    this.failedTraces.inc(failed);
  }

  dropped(traces: number): void {
    this.droppedTraces.inc(traces);
  }
}
