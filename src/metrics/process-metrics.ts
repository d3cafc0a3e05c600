import { Injectable } from "@nestjs/common";
import { InjectMetric, makeGaugeProvider } from "@willsoto/nestjs-prometheus";
import { Gauge } from "prom-client";
import { Database } from "../database/index.js";
import { BUILD } from "./build.js";

const POOL = "octogauge_database_pool_connections";
const BUILD_INFO = "octogauge_build_info";

export const processMetricProviders = [
  makeGaugeProvider({ name: POOL, help: "Connections of this process by state; waiting are requests without one.", labelNames: ["state"] }),
  makeGaugeProvider({
    name: BUILD_INFO,
    help: "1, with the version of this build.",
    labelNames: ["version", "node_version"],
    aggregator: "first",
  }),
];

/** What this process is and holds, besides what its rooms measure themselves. */
@Injectable()
export class ProcessMetrics {
  constructor(@InjectMetric(POOL) pool: Gauge, @InjectMetric(BUILD_INFO) build: Gauge, database: Database) {
    build.set({ version: BUILD.version, node_version: process.version }, 1);
    Object.assign(pool, {
      collect: () => {
        // With a buffer a gateway is there before its database.
        if (!database.isConnected) return;
        const { idleCount, totalCount, waitingCount } = database.pool;
        pool.set({ state: "idle" }, idleCount);
        pool.set({ state: "busy" }, totalCount - idleCount);
        pool.set({ state: "waiting" }, waitingCount);
      },
    });
  }
}
