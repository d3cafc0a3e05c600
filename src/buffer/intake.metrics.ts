import { Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider, makeGaugeProvider } from "@willsoto/nestjs-prometheus";
import { Counter, Gauge } from "prom-client";

const PUBLISHED = "octogauge_buffer_published_total";
const OPEN = "octogauge_buffer_database_away";

export const bufferIntakeMetricProviders = [
  makeCounterProvider({
    name: PUBLISHED,
    help: "Deliveries sent to the buffer, by outcome: stored, or failed if the buffer refused them too.",
    labelNames: ["outcome"],
  }),
  makeGaugeProvider({ name: OPEN, help: "1 while deliveries go directly to the buffer, because PostgreSQL refuses them or is slow." }),
];

/** Metrics of publishing to the buffer in this process. */
@Injectable()
export class BufferIntakeMetrics {
  constructor(
    @InjectMetric(PUBLISHED) private readonly counter: Counter,
    @InjectMetric(OPEN) private readonly open: Gauge,
  ) {}

  published(outcome: "stored" | "failed"): void {
    this.counter.inc({ outcome });
  }

  /** @param isOpen state of the circuit breaker, read at each scrape */
  watch(isOpen: () => boolean): void {
    Object.assign(this.open, { collect: () => this.open.set(isOpen() ? 1 : 0) });
  }
}
