import { Module } from "@nestjs/common";
import { TerminusModule } from "@nestjs/terminus";
import { DatabaseModule } from "../database/database.module.js";
import { HealthController } from "./health.controller.js";
import { Readiness } from "./readiness.js";

/** Enters: a probe. Leaves: whether this process lives, and whether it can do its work. Nobody imports this room. */
@Module({
  imports: [TerminusModule.forRoot({ errorLogStyle: "json", logger: false }), DatabaseModule],
  controllers: [HealthController],
  providers: [Readiness],
})
export class HealthModule {}
