import { Inject, Injectable } from "@nestjs/common";
import { RetentionLoop } from "../background/retention-loop.js";
import { CONFIG, type Config } from "../config/index.js";
import { Database, Leadership, SchemaGate } from "../database/index.js";
import { removeOld } from "./outbox-retention.sql.js";
import { CiTracesMetrics } from "./ci-traces.metrics.js";

/** Bounds the outbox: deletes unsent and sent traces after CI_TRACES_RETENTION. */
@Injectable()
export class CiTracesRetention extends RetentionLoop {
  constructor(
    private readonly database: Database,
    leadership: Leadership,
    private readonly metrics: CiTracesMetrics,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Pick<Config, "RETENTION_INTERVAL" | "CI_TRACES_RETENTION">,
  ) {
    super("ci-traces/retention", config.RETENTION_INTERVAL, schema.ready, leadership);
  }

  protected async deleteOld(): Promise<boolean> {
    const { dropped, jobs, isAll } = await removeOld(this.database, this.config.CI_TRACES_RETENTION);
    if (dropped > 0) this.logger.error(`${dropped} traces were dropped: the collector did not accept them within CI_TRACES_RETENTION`);
    if (jobs > 0) this.logger.log(`${jobs} jobs were deleted because their runs did not complete within CI_TRACES_RETENTION`);
    this.metrics.dropped(dropped);
    return !isAll;
  }
}
