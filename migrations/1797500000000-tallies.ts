import type { MigrationInterface, QueryRunner } from "typeorm";

/** What batches add to the series, written down by them and added up later, for many of them at once. */
export class Tallies1797500000000 implements MigrationInterface {
  readonly name = "Tallies1797500000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

const STATEMENTS = [
  // By transaction: whoever has added up all that a snapshot shows need never look behind the oldest one that was under way then.
  // A row lives for about a second, so the vacuum has to come often; it is not worth compressing.
  `CREATE TABLE octogauge.tallies (
     xid xid8 PRIMARY KEY DEFAULT pg_current_xact_id(),
     increments text NOT NULL
   ) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0)`,
  "ALTER TABLE octogauge.tallies ALTER COLUMN increments SET STORAGE EXTERNAL",
];
