import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { deadLetterMetricProviders, DeadLetterRetention } from "./retention.loop.js";

/** Keeps dead letters within DEAD_LETTERS_MAX_BYTES. Its loop runs in workers. */
@Module({ imports: [DatabaseModule], providers: [DeadLetterRetention, ...deadLetterMetricProviders] })
export class DeadLettersModule {}
