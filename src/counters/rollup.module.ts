import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { CountersModule } from "./counters.module.js";
import { RollupLoop } from "./rollup.loop.js";

/** The loop of this room. It runs in workers. */
@Module({ imports: [DatabaseModule, CountersModule], providers: [RollupLoop] })
export class RollupModule {}
