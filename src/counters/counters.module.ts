import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { Counters } from "./counters.js";
import { LabelPolicy } from "./label-policy.js";
import { Rollup } from "./rollup.js";
import { Series } from "./series.js";

/**
 * Input: metric deltas, written in the caller's transaction. Output: durable counters and histograms.
 * Processing and reconcile write; metrics runs the rollup and reads.
 */
@Module({ imports: [DatabaseModule], providers: [Counters, LabelPolicy, Rollup, Series], exports: [Counters, LabelPolicy, Rollup] })
export class CountersModule {}
