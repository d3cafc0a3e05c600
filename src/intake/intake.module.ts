import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { BatchIntake } from "./batch-intake.js";
import { FairShare } from "./fair-share.js";
import { GroupCommit } from "./group-commit.js";
import { intakeMetricProviders, IntakeMetrics } from "./intake.metrics.js";

/** Stores authentic deliveries, each once. Ingest and the buffer's drain call it; they share one budget of FAIR_SHARE. */
@Module({
  imports: [DatabaseModule],
  providers: [GroupCommit, BatchIntake, FairShare, IntakeMetrics, ...intakeMetricProviders],
  exports: [GroupCommit, BatchIntake],
})
export class IntakeModule {}
