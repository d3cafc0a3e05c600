import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { StateRetention } from "./retention.loop.js";

/**
 * Input: observations of runs and jobs from events. Output: one row per attempt and job, and the new facts.
 * Processing and reconcile write; metrics reads.
 */
@Module({ imports: [DatabaseModule], providers: [StateRetention] })
export class WorkflowStateModule {}
