import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { Counters } from "./counters.js";
import { LabelPolicy } from "./label-policy.js";
import { Rollup } from "./rollup.js";
import { Series } from "./series.js";

/**
 * Enters: tallies, inside the caller's transaction. Leaves: durable counters and histograms, ready to be shown.
 * Processing and reconcile write; metrics has all of it added up, and reads.
 */
@Module({ imports: [DatabaseModule], providers: [Counters, LabelPolicy, Rollup, Series], exports: [Counters, LabelPolicy, Rollup] })
export class CountersModule {}
