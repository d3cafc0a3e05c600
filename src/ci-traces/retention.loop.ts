import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/config.js";
import { Database } from "../database/database.js";
import { Leadership } from "../database/leadership.js";
import { SchemaGate } from "../database/schema-gate.js";
import { removeOld } from "./outbox-retention.sql.js";
import { OutboundMetrics } from "./ci-traces.metrics.js";

/** Keeps the outbox bounded: what could not be sent for CI_TRACES_RETENTION is dropped, what was sent is forgotten. */
@Injectable()
export class CiTracesRetention extends BackgroundLoop {
  constructor(
    private readonly database: Database,
    private readonly leadership: Leadership,
    private readonly metrics: OutboundMetrics,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Pick<Config, "RETENTION_INTERVAL" | "CI_TRACES_RETENTION">,
  ) {
    super("ci-traces/retention", config.RETENTION_INTERVAL, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    if ((await this.leadership.lead("retention")) === undefined) return "idle";
    const { dropped, jobs, isAll } = await removeOld(this.database, this.config.CI_TRACES_RETENTION);
    if (dropped > 0) this.logger.error(`${dropped} traces of runs were dropped: the collector did not take them for CI_TRACES_RETENTION`);
    if (jobs > 0) this.logger.log(`${jobs} jobs were forgotten whose runs did not complete within CI_TRACES_RETENTION`);
    this.metrics.dropped(dropped);
    return isAll ? "idle" : "again";
  }
}
