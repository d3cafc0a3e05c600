import { Inject, Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider } from "@willsoto/nestjs-prometheus";
import { Counter } from "prom-client";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/config.js";
import { Database } from "../database/database.js";
import { Leadership } from "../database/leadership.js";
import { SchemaGate } from "../database/schema-gate.js";
import { dropExcess } from "./dead-letters.sql.js";

const DROPPED = "octogauge_dead_letters_dropped_total";

export const deadLetterMetricProviders = [
  makeCounterProvider({
    name: DROPPED,
    help: "Dead letters that were deleted, since together they took more than DEAD_LETTERS_MAX_BYTES.",
  }),
];

/** Keeps the dead letters within their bytes. */
@Injectable()
export class DeadLetterRetention extends BackgroundLoop {
  constructor(
    private readonly database: Database,
    private readonly leadership: Leadership,
    @InjectMetric(DROPPED) private readonly dropped: Counter,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Pick<Config, "RETENTION_INTERVAL" | "DEAD_LETTERS_MAX_BYTES">,
  ) {
    super("dead-letters/retention", config.RETENTION_INTERVAL, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    if ((await this.leadership.lead("retention")) === undefined) return "idle";
    const dropped = await dropExcess(this.database, this.config.DEAD_LETTERS_MAX_BYTES);
    if (dropped === 0) return "idle";
    this.dropped.inc(dropped);
    this.logger.warn(`${dropped} dead letters were deleted: together they took more than DEAD_LETTERS_MAX_BYTES`);
    return "again";
  }
}
