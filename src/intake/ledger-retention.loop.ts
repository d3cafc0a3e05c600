import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/config.js";
import { Database } from "../database/database.js";
import { Leadership } from "../database/leadership.js";
import { SchemaGate } from "../database/schema-gate.js";
import { sql } from "../database/sql.js";
import { HEADS } from "../queue/backlog.sql.js";

const BATCH = 5_000;

// An id must outlive its inbox row and GitHub's three days of redelivery. SKIP LOCKED: a leader that hung for its term may still be at it.
const PRUNE = `
  WITH old AS MATERIALIZED (
    SELECT delivery_id FROM octogauge.delivery_ledger
    WHERE received_at < least(now() - make_interval(secs => $1), (SELECT min(received_at) FROM ${HEADS}))
    LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM octogauge.delivery_ledger WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM old)) RETURNING 1
  )
  SELECT count(*)::integer AS count FROM gone`;

/** Forgets delivery ids that GitHub can no longer send again, in small transactions. */
@Injectable()
export class LedgerRetention extends BackgroundLoop {
  constructor(
    private readonly database: Database,
    private readonly leadership: Leadership,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super("intake/ledger-retention", config.RETENTION_INTERVAL, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    if ((await this.leadership.lead("retention")) === undefined) return "idle";
    const [row] = await sql<{ count: number }>(this.database, PRUNE, [this.config.DEDUP_RETENTION]);
    return row && row.count >= BATCH ? "again" : "idle";
  }
}
