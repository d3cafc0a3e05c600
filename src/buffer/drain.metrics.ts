import { Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider } from "@willsoto/nestjs-prometheus";
import { Counter } from "prom-client";

const DRAINED = "octogauge_buffer_drained_total";
const SET_BACK = "octogauge_buffer_set_back_total";

export const drainMetricProviders = [
  makeCounterProvider({ name: DRAINED, help: "Deliveries moved from the buffer to the inbox, including repeats." }),
  makeCounterProvider({
    name: SET_BACK,
    help: "Failed attempts to store a message of the buffer because of its content; the buffer delivers it again after a minute.",
  }),
];

/** Metrics of draining the buffer in this process. */
@Injectable()
export class DrainMetrics {
  constructor(
    @InjectMetric(DRAINED) private readonly counter: Counter,
    @InjectMetric(SET_BACK) private readonly back: Counter,
  ) {}

  drained(count: number): void {
    this.counter.inc(count);
  }

  setBack(): void {
    this.back.inc();
  }
}
