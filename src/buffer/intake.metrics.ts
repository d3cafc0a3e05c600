import { Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider, makeGaugeProvider } from "@willsoto/nestjs-prometheus";
import { Counter, Gauge } from "prom-client";

const PUBLISHED = "octogauge_buffer_published_total";
const OPEN = "octogauge_buffer_database_away";

export const bufferIntakeMetricProviders = [
  makeCounterProvider({
    name: PUBLISHED,
    help: "Deliveries that went to the buffer: stored, or failed where it did not take them either.",
    labelNames: ["outcome"],
  }),
  makeGaugeProvider({ name: OPEN, help: "1 while deliveries go to the buffer at once, since PostgreSQL refuses them or is slow." }),
];

/** This process's view of the way into the buffer. */
@Injectable()
export class BufferIntakeMetrics {
  constructor(
    @InjectMetric(PUBLISHED) private readonly counter: Counter,
    @InjectMetric(OPEN) private readonly open: Gauge,
  ) {}

  published(outcome: "stored" | "failed"): void {
    this.counter.inc({ outcome });
  }

  /** @param isAway asked at each scrape */
  watch(isAway: () => boolean): void {
    Object.assign(this.open, { collect: () => this.open.set(isAway() ? 1 : 0) });
  }
}
