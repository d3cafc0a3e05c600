import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/database.module.js";
import { CiExporter } from "./exporter.js";
import { CiTracesRetention } from "./retention.loop.js";
import { CiTracesLoop } from "./ci-traces.loop.js";
import { outboundMetricProviders, OutboundMetrics } from "./ci-traces.metrics.js";

/** Input: completed runs and jobs, written in the transaction of processing. Output: their traces, sent to a collector. */
@Module({
  imports: [DatabaseModule],
  providers: [CiExporter, CiTracesLoop, CiTracesRetention, OutboundMetrics, ...outboundMetricProviders],
})
export class OutboundModule {}
