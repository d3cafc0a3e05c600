import { Inject, Injectable } from "@nestjs/common";
import { RetentionLoop } from "../background/retention-loop.js";
import { CONFIG, type Config } from "../config/index.js";
import { Database, Leadership, SchemaGate, sql } from "../database/index.js";
import { HEADS } from "./heads.sql.js";

const BATCH = 5_000;

// An id must outlive its inbox row, and the three days in which GitHub redelivers. SKIP LOCKED, because a former leader that
// hung may still delete.
const DELETE_OLD = `
  WITH old AS MATERIALIZED (
    SELECT delivery_id FROM octogauge.delivery_ledger
    WHERE received_at < least(now() - make_interval(secs => $1), (SELECT min(received_at) FROM ${HEADS}))
    LIMIT ${BATCH} FOR UPDATE SKIP LOCKED
  ), gone AS (
    DELETE FROM octogauge.delivery_ledger WHERE delivery_id = ANY (ARRAY(SELECT delivery_id FROM old)) RETURNING 1
  )
  SELECT count(*)::integer AS count FROM gone`;

/** Deletes delivery ids after `DEDUP_RETENTION`, in small transactions. */
@Injectable()
export class LedgerRetention extends RetentionLoop {
  constructor(
    private readonly database: Database,
    leadership: Leadership,
    schema: SchemaGate,
    @Inject(CONFIG) private readonly config: Config,
  ) {
    super("intake/ledger-retention", config.RETENTION_INTERVAL, schema.ready, leadership);
  }

  protected async deleteOld(): Promise<boolean> {
    const [row] = await sql<{ count: number }>(this.database, DELETE_OLD, [this.config.DEDUP_RETENTION]);
    return row !== undefined && row.count >= BATCH;
  }
}
