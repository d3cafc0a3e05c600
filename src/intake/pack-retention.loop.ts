import { Inject, Injectable } from "@nestjs/common";
import { BackgroundLoop, type Outcome } from "../background/background-loop.js";
import { CONFIG, type Config } from "../config/config.js";
import { Database } from "../database/database.js";
import { Leadership } from "../database/leadership.js";
import { SchemaGate } from "../database/schema-gate.js";
import { sql } from "../database/sql.js";

const BATCH = 1_000;
/** Of packs that are looked at in one transaction, beyond the first: deleting gigabytes would take too long for one. */
const BATCH_BYTES = 67_108_864;

// A row and its pack are committed together, and a row goes from table to table in one transaction: whatever moment this
// looks at, a pack without a row has none any more. LATERAL with LIMIT: probes of the indexes, however long the tables are.
const PRUNE = `
  WITH seen AS MATERIALIZED (
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
    DELETE FROM octogauge.payload_packs WHERE pack = ANY (ARRAY(SELECT pack FROM seen WHERE by IS NULL))
  )
  SELECT max(pack)::text AS last FROM seen`;

/** Deletes the packs of payloads that no delivery needs any more, in small transactions. */
@Injectable()
export class PackRetention extends BackgroundLoop {
  /** Where the next look begins: what is still needed is not looked at again before all others were. */
  #after = "0";

  constructor(
    private readonly database: Database,
    private readonly leadership: Leadership,
    schema: SchemaGate,
    @Inject(CONFIG) config: Pick<Config, "RETENTION_INTERVAL">,
  ) {
    super("intake/pack-retention", config.RETENTION_INTERVAL, schema.ready);
  }

  async runOnce(): Promise<Outcome> {
    if ((await this.leadership.lead("retention")) === undefined) return "idle";
    const [row] = await sql<{ last: string | null }>(this.database, PRUNE, [this.#after]);
    // Until there is none behind the last; those that were committed late are found from the beginning.
    this.#after = row?.last ?? "0";
    return row?.last ? "again" : "idle";
  }
}
