import { Module } from "@nestjs/common";
import { BufferModule } from "../buffer/buffer.module.js";
import { CountersModule } from "../counters/counters.module.js";
import { DatabaseModule } from "../database/index.js";
import { GitHubModule } from "../github/github.module.js";
import { AttemptLookup } from "./attempt-lookup.js";
import { AuditLoop } from "./audit.loop.js";
import { FleetLimits } from "../github/index.js";
import { HookAudits } from "./hook-audits.js";
import { LookupLoop } from "./lookup.loop.js";
import { LostLoop } from "./lost.loop.js";
import { MissedDeliveries } from "./missed-deliveries.js";
import { RedeliveryLoop } from "./redelivery.loop.js";
import { StaleRuns } from "./stale-runs.js";

/**
 * Enters: what GitHub's delivery logs and its API say, rows that are open for too long. Leaves: redeliveries asked for,
 * answers in the inbox, the truth about what is lost. Its loops run in workers; nobody calls.
 */
@Module({
  imports: [BufferModule, DatabaseModule, CountersModule, GitHubModule.within(FleetLimits, DatabaseModule)],
  providers: [HookAudits, MissedDeliveries, AuditLoop, RedeliveryLoop, AttemptLookup, StaleRuns, LookupLoop, LostLoop],
})
export class ReconcileModule {}
