import { Module } from "@nestjs/common";
import { CountersModule } from "../counters/counters.module.js";
import { RollupLoop } from "../counters/rollup.loop.js";
import { DatabaseModule } from "../database/database.module.js";
import { BatchJournal } from "../queue/batch-journal.js";
import { LedgerRetention } from "../intake/ledger-retention.loop.js";
import { DeadLetterRetention, deadLetterMetricProviders } from "../dead-letters/retention.loop.js";
import { PackRetention } from "../intake/pack-retention.loop.js";
import { WorkflowStateModule } from "../workflow-state/workflow-state.module.js";
import { Applier } from "./applier.js";
import { completionsProvider } from "./completions.provider.js";
import { BatchProcessor } from "./batch-processor.js";
import { Queue } from "../queue/queue.js";
import { processingMetricProviders, ProcessingMetrics } from "./processing.metrics.js";
import { RateLimits } from "../queue/rate-limits.js";
import { RetryLoop } from "./retry.loop.js";
import { Watchdog } from "./watchdog.js";
import { Workers } from "./workers.js";

/**
 * Enters: deliveries claimed from the inbox. Leaves: state and counters, changed in the same transaction.
 * Nobody calls; its loops run in workers.
 */
@Module({
  imports: [DatabaseModule, CountersModule, WorkflowStateModule],
  providers: [
    Applier,
    completionsProvider,
    BatchProcessor,
    BatchJournal,
    Queue,
    RateLimits,
    Workers,
    RetryLoop,
    Watchdog,
    LedgerRetention,
    PackRetention,
    DeadLetterRetention,
    ...deadLetterMetricProviders,
    RollupLoop,
    ProcessingMetrics,
    ...processingMetricProviders,
  ],
  exports: [BatchProcessor],
})
export class ProcessingModule {}
