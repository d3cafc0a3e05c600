import { Module } from "@nestjs/common";
import { InboxModule } from "../intake/intake.module.js";
import { Intake } from "../intake/intake.js";
import { BufferModule } from "./buffer.module.js";
import { BufferedIntake } from "./buffered-intake.js";
import { intakeMetricProviders, IntakeMetrics } from "./intake.metrics.js";

/** The part of the buffer that runs in gateways. */
@Module({
  imports: [InboxModule, BufferModule],
  providers: [BufferedIntake, { provide: Intake, useExisting: BufferedIntake }, IntakeMetrics, ...intakeMetricProviders],
  exports: [Intake],
})
export class BufferIntakeModule {}
