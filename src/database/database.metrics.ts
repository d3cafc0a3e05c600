import { Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider, makeHistogramProvider } from "@willsoto/nestjs-prometheus";
import { Counter, Histogram } from "prom-client";
import { failureKind } from "./errors.js";

const SECONDS = "octogauge_database_query_duration_seconds";
const FAILURES = "octogauge_database_failures_total";

const [OK, FAILED] = [{ result: "ok" }, { result: "failed" }];

export const databaseMetricProviders = [
  makeHistogramProvider({
    name: SECONDS,
    help: "Duration of one statement, without the wait for a connection; `ok` or `failed`.",
    labelNames: ["result"],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  }),
  makeCounterProvider({
    name: FAILURES,
    help: "Failures of PostgreSQL: `connect` (no connection), `connection` (it broke), `timeout`, `conflict` (deadlock, lock, serialization), `data` (invalid value or violated constraint) or `server` (all others).",
    labelNames: ["kind"],
  }),
];

/** Metrics of the database as this process sees it. */
@Injectable()
export class DatabaseMetrics {
  constructor(
    @InjectMetric(SECONDS) private readonly seconds: Histogram,
    @InjectMetric(FAILURES) private readonly failures: Counter,
  ) {}

  answered(seconds: number): void {
    this.seconds.observe(OK, seconds);
  }

  failed(error: unknown, seconds: number): void {
    this.seconds.observe(FAILED, seconds);
    this.failures.inc({ kind: failureKind(error) });
  }

  notConnected(): void {
    this.failures.inc({ kind: "connect" });
  }
}
