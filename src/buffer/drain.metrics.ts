import { Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider } from "@willsoto/nestjs-prometheus";
import { Counter } from "prom-client";

const DRAINED = "octogauge_buffer_drained_total";
const SET_BACK = "octogauge_buffer_set_back_total";

export const drainMetricProviders = [
  makeCounterProvider({ name: DRAINED, help: "Deliveries that were taken out of the buffer into the inbox, repeats included." }),
  makeCounterProvider({
    name: SET_BACK,
    help: "Times that a message of the buffer could not be stored for what it holds, and was left there for a minute.",
  }),
];

/** This process's view of the way out of the buffer. */
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
