import { Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider } from "@willsoto/nestjs-prometheus";
import { Counter } from "prom-client";

const SENT = "octogauge_ci_traces_sent_total";
const FAILED = "octogauge_ci_traces_failed_total";
const DROPPED = "octogauge_ci_traces_dropped_total";

export const ciTracesMetricProviders = [
  makeCounterProvider({ name: SENT, help: "Traces of runs that the collector took; with `CI_TRACES` only." }),
  makeCounterProvider({ name: FAILED, help: "Attempts to send the trace of a run that failed and are made again; with `CI_TRACES` only." }),
  makeCounterProvider({ name: DROPPED, help: "Traces of runs that could not be sent for CI_TRACES_RETENTION; with `CI_TRACES` only." }),
];

/** This process's view of what it sends. */
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
