import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/database.module.js";
import { FairShare } from "./fair-share.js";
import { GroupCommit } from "./group-commit.js";
import { inboxMetricProviders, InboxMetrics } from "./intake.metrics.js";

/**
 * Enters: authentic deliveries, from ingest. Leaves: each of them once, to processing, or into the dead letters.
 * Ingest accepts, processing claims; operators review the dead letters.
 */
@Module({ imports: [DatabaseModule], providers: [GroupCommit, FairShare, InboxMetrics, ...inboxMetricProviders], exports: [GroupCommit] })
export class InboxModule {}
