import { Module } from "@nestjs/common";
import { DatabaseModule } from "../database/index.js";
import { LedgerRetention } from "./ledger-retention.loop.js";
import { PackRetention } from "./pack-retention.loop.js";

/** The loops of this room. They run in workers. */
@Module({ imports: [DatabaseModule], providers: [LedgerRetention, PackRetention] })
export class IntakeRetentionModule {}
