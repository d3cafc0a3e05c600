import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/database.module.js";
import { Counters } from "./counters.js";
import { LabelPolicy } from "./label-policy.js";

/**
 * Enters: tallies, inside the caller's transaction. Leaves: durable counters and histograms, ready to be shown.
 * Processing and reconcile write; metrics reads.
 */
@Module({ imports: [DatabaseModule], providers: [Counters, LabelPolicy], exports: [Counters, LabelPolicy] })
export class CountersModule {}
