import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/database.module.js";
import { BatchIntake } from "../intake/batch-intake.js";
import { FairShare } from "../intake/fair-share.js";
import { BufferModule } from "./buffer.module.js";
import { DrainLoop } from "./drain.loop.js";
import { drainMetricProviders, DrainMetrics } from "./drain.metrics.js";

/** The part of the buffer that runs in workers. */
@Module({ imports: [DatabaseModule, BufferModule], providers: [DrainLoop, BatchIntake, FairShare, DrainMetrics, ...drainMetricProviders] })
export class BufferDrainModule {}
