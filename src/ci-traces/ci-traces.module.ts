import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { CiExporter } from "./exporter.js";
import { CiTracesRetention } from "./retention.loop.js";
import { SendLoop } from "./send.loop.js";
import { ciTracesMetricProviders, CiTracesMetrics } from "./ci-traces.metrics.js";

/** Enters: runs and jobs that have completed, from processing, in its transaction. Leaves: their traces, to a collector. */
@Module({
  imports: [DatabaseModule],
  providers: [CiExporter, SendLoop, CiTracesRetention, CiTracesMetrics, ...ciTracesMetricProviders],
})
export class CiTracesModule {}
