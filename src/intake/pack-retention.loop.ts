import { Inject, Injectable } from "@nestjs/common";
import { RetentionLoop } from "../background/retention-loop.js";
import { CONFIG, type Config } from "../config/index.js";
import { Database, Leadership, SchemaGate, sql } from "../database/index.js";

const BATCH = 1_000;
/** Maximum bytes of packs per transaction; a single larger pack still gets one. Deleting gigabytes would make a transaction too long. */
const BATCH_BYTES = 67_108_864;

// A row is committed with its pack and moves between tables in one transaction, so a pack without a row is never needed again.
// LATERAL with LIMIT makes one index probe per table and pack, independent of the size of the tables.
const DELETE_UNUSED = `
  WITH checked AS MATERIALIZED (
    SELECT p.pack, needed.by FROM (
      SELECT pack, sum(octet_length(bytes)) OVER (ORDER BY pack) - octet_length(bytes) AS before
      FROM (SELECT pack, bytes FROM octogauge.payload_packs WHERE pack > $1 ORDER BY pack LIMIT ${BATCH}) next) p
    LEFT JOIN LATERAL (
      SELECT 'inbox' AS by FROM octogauge.inbox i WHERE i.pack = p.pack
      UNION ALL
      SELECT 'retries' FROM octogauge.retries i WHERE i.pack = p.pack
      UNION ALL
      SELECT 'dead letters' FROM octogauge.dead_letters i WHERE i.pack = p.pack
      LIMIT 1) needed ON true
    WHERE p.before < ${BATCH_BYTES}
  ), gone AS (
    DELETE FROM octogauge.payload_packs WHERE pack = ANY (ARRAY(SELECT pack FROM checked WHERE by IS NULL))
  )
  SELECT max(pack)::text AS last FROM checked`;

/** Deletes payload packs that no delivery refers to, in small transactions. */
@Injectable()
export class PackRetention extends RetentionLoop {
  /** Cursor: the last pack that was checked. */
  #after = "0";

  constructor(
    private readonly database: Database,
    leadership: Leadership,
    schema: SchemaGate,
    @Inject(CONFIG) config: Pick<Config, "RETENTION_INTERVAL">,
  ) {
    super("intake/pack-retention", config.RETENTION_INTERVAL, schema.ready, leadership);
  }

  protected async deleteOld(): Promise<boolean> {
    const [row] = await sql<{ last: string | null }>(this.database, DELETE_UNUSED, [this.#after]);
    // After the last pack the cursor restarts, which also finds packs that were committed late.
    this.#after = row?.last ?? "0";
    return Boolean(row?.last);
  }
}
