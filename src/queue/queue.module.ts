import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { BatchJournal } from "./batch-journal.js";
import { Queue } from "./queue.js";
import { RateLimits } from "./rate-limits.js";

/** Takes batches from the inbox, for processing. */
@Module({ imports: [DatabaseModule], providers: [Queue, RateLimits, BatchJournal], exports: [Queue, BatchJournal] })
export class QueueModule {}
