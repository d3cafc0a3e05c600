import { Inject, Injectable } from "@nestjs/common";
import { InjectMetric, makeCounterProvider } from "@willsoto/nestjs-prometheus";
import { Counter } from "prom-client";
import { RetentionLoop } from "../background/retention-loop.js";
import { CONFIG, type Config } from "../config/index.js";
import { Database, Leadership, SchemaGate } from "../database/index.js";
import { dropExcess } from "./dead-letters.sql.js";

const DROPPED = "octogauge_dead_letters_dropped_total";

export const deadLetterMetricProviders = [
  makeCounterProvider({
    name: DROPPED,
    help: "Dead letters deleted because all of them together exceeded DEAD_LETTERS_MAX_BYTES.",
  }),
];

/** Deletes dead letters beyond `DEAD_LETTERS_MAX_BYTES`. */
@Injectable()
export class DeadLetterRetention extends RetentionLoop {
  constructor(
    private readonly database: Database,
    leadership: Leadership,
    @InjectMetric(DROPPED) private readonly dropped: Counter,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Pick<Config, "RETENTION_INTERVAL" | "DEAD_LETTERS_MAX_BYTES">,
  ) {
    super("dead-letters/retention", config.RETENTION_INTERVAL, schema.ready, leadership);
  }

  protected async deleteOld(): Promise<boolean> {
    const dropped = await dropExcess(this.database, this.config.DEAD_LETTERS_MAX_BYTES);
    if (dropped === 0) return false;
    this.dropped.inc(dropped);
    this.logger.warn(`deleted ${dropped} dead letters, because all of them together exceeded DEAD_LETTERS_MAX_BYTES`);
    return true;
  }
}
