import { Module } from "@nestjs/common";
import { IntakeModule } from "../intake/intake.module.js";
import { Intake } from "../intake/index.js";
import { BufferModule } from "./buffer.module.js";
import { BufferedIntake } from "./buffered-intake.js";
import { bufferIntakeMetricProviders, BufferIntakeMetrics } from "./intake.metrics.js";

/** The part of the buffer that runs in gateways. */
@Module({
  imports: [IntakeModule, BufferModule],
  providers: [BufferedIntake, { provide: Intake, useExisting: BufferedIntake }, BufferIntakeMetrics, ...bufferIntakeMetricProviders],
  exports: [Intake],
})
export class BufferIntakeModule {}
