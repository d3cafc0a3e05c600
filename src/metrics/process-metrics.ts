import { Injectable } from "@nestjs/common";
import { InjectMetric, makeGaugeProvider } from "@willsoto/nestjs-prometheus";
import { Gauge } from "prom-client";
import { Database } from "../database/index.js";
import { BUILD } from "./build.js";

const POOL = "octogauge_database_pool_connections";
const BUILD_INFO = "octogauge_build_info";

export const processMetricProviders = [
  makeGaugeProvider({
    name: POOL,
    help: "Database connections of this process by state; `waiting` counts requests without a connection.",
    labelNames: ["state"],
  }),
  makeGaugeProvider({
    name: BUILD_INFO,
    help: "Always 1; the labels have the version of this build.",
    labelNames: ["version", "node_version"],
    aggregator: "first",
  }),
];

/** Build information and database pool of this process. */
@Injectable()
export class ProcessMetrics {
  constructor(@InjectMetric(POOL) pool: Gauge, @InjectMetric(BUILD_INFO) build: Gauge, database: Database) {
    build.set({ version: BUILD.version, node_version: process.version }, 1);
    Object.assign(pool, {
      collect: () => {
        // A gateway with a buffer can run without its database.
        if (!database.isConnected) return;
        const { idleCount, totalCount, waitingCount } = database.pool;
        pool.set({ state: "idle" }, idleCount);
        pool.set({ state: "busy" }, totalCount - idleCount);
        pool.set({ state: "waiting" }, waitingCount);
      },
    });
  }
}
