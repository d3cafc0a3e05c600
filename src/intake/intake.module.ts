import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/database.module.js";
import { FairShare } from "./fair-share.js";
import { GroupCommit } from "./group-commit.js";
import { inboxMetricProviders, InboxMetrics } from "./intake.metrics.js";

/** Ingest stores authentic deliveries here, each once; processing claims them. */
@Module({ imports: [DatabaseModule], providers: [GroupCommit, FairShare, InboxMetrics, ...inboxMetricProviders], exports: [GroupCommit] })
export class InboxModule {}
