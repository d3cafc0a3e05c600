import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { IntakeModule } from "../intake/intake.module.js";
import { BufferModule } from "./buffer.module.js";
import { DrainLoop } from "./drain.loop.js";
import { drainMetricProviders, DrainMetrics } from "./drain.metrics.js";

/** The part of the buffer that runs in workers. */
@Module({ imports: [DatabaseModule, IntakeModule, BufferModule], providers: [DrainLoop, DrainMetrics, ...drainMetricProviders] })
export class BufferDrainModule {}
