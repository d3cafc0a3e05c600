import { Module } from "@nestjs/common";
import { CountersModule } from "../counters/counters.module.js";
import { RollupModule } from "../counters/rollup.module.js";
import { DatabaseModule } from "../database/index.js";
import { DeadLettersModule } from "../dead-letters/dead-letters.module.js";
import { IntakeRetentionModule } from "../intake/intake-retention.module.js";
import { QueueModule } from "../queue/queue.module.js";
import { WorkflowStateModule } from "../workflow-state/workflow-state.module.js";
import { Applier } from "./applier.js";
import { BatchProcessor } from "./batch-processor.js";
import { completionsProvider } from "./completions.provider.js";
import { processingMetricProviders, ProcessingMetrics } from "./processing.metrics.js";
import { RetryLoop } from "./retry.loop.js";
import { Watchdog } from "./watchdog.js";
import { Workers } from "./workers.js";

/** Applies claimed deliveries to state and counters, in the transaction that claimed them. The loops of this room run in workers. */
@Module({
  imports: [DatabaseModule, QueueModule, CountersModule, RollupModule, WorkflowStateModule, IntakeRetentionModule, DeadLettersModule],
  providers: [Applier, completionsProvider, BatchProcessor, Workers, RetryLoop, Watchdog, ProcessingMetrics, ...processingMetricProviders],
  exports: [BatchProcessor],
})
export class ProcessingModule {}
