import { Module } from "@nestjs/common";
import { CountersModule } from "../counters/counters.module.js";
import { DatabaseModule } from "../database/database.module.js";
import { LostLoop } from "./lost.loop.js";

/** Enters: rows that are open for too long. Leaves: the truth about them. Its loops run in workers; nobody calls. */
@Module({ imports: [DatabaseModule, CountersModule], providers: [LostLoop] })
export class ReconcileModule {}
