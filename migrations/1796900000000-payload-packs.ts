import type { MigrationInterface, QueryRunner } from "typeorm";

/** The payloads of one flush are kept together, compressed as one: see docs/adr/0016. */
export class PayloadPacks1796900000000 implements MigrationInterface {
  readonly name = "PayloadPacks1796900000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

// A row has its payload by itself, as all had before and dead letters go on to have, or in a pack. A process from before this migration
// does not know packs: it processes their rows by their projections, and is refused (by the constraint) where it would lose a
// payload. No such version was released.
const wherePayloadIs = (table: string) => [
  `ALTER TABLE octogauge.${table} ALTER COLUMN payload DROP NOT NULL,
     ADD COLUMN pack bigint, ADD COLUMN pack_offset integer, ADD COLUMN bytes integer,
     ADD CONSTRAINT ${table}_has_a_payload CHECK (payload IS NOT NULL OR pack IS NOT NULL) NOT VALID`,
  // By which it is found that nobody needs a pack any more.
  `CREATE INDEX ${table}_pack ON octogauge.${table} (pack) WHERE pack IS NOT NULL`,
  // Or what is known of a nearly empty table would have the planner look through a long one.
  `ALTER TABLE octogauge.${table} ALTER COLUMN pack SET (n_distinct = -0.05)`,
];

const STATEMENTS = [
  // Whoever reads for hours, as a backup does, would have us wait, and everybody who takes deliveries in wait behind us.
  "SET LOCAL lock_timeout = '2s'",
  // No foreign keys: they would be looked up for each row, and a pack outlives its rows by construction (pack-retention.loop.ts).
  `CREATE TABLE octogauge.payload_packs (
     pack bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
     bytes bytea NOT NULL
   ) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0,
     toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_cost_delay = 0)`,
  // It is compressed already.
  "ALTER TABLE octogauge.payload_packs ALTER COLUMN bytes SET STORAGE EXTERNAL",
  // In the order in which a replay takes its locks.
  ...["dead_letters", "retries", "inbox"].flatMap(wherePayloadIs),
];
