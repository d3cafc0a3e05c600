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
    help: "Time of one statement, from sending it to its answer: `ok` or `failed`; to wait for a connection is not in it.",
    labelNames: ["result"],
    buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
  }),
  makeCounterProvider({
    name: FAILURES,
    help: "Failures of PostgreSQL: `connect` (none to be had), `connection` (broke), `timeout`, `conflict` (deadlock, lock, serialization), `data` (what it refuses for its content) or `server` (all else).",
    labelNames: ["kind"],
  }),
];

/** This process's view of its database. */
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
