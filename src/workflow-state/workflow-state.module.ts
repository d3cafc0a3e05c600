import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { StateRetention } from "./retention.loop.js";

/**
 * Enters: what events say of runs and jobs. Leaves: one row for each attempt and job, and the facts that are new.
 * Processing and reconcile write; metrics reads.
 */
@Module({ imports: [DatabaseModule], providers: [StateRetention] })
export class WorkflowStateModule {}
