import type { MigrationInterface, QueryRunner } from "typeorm";

/** What is put off by a rate limit, and until when each limit is used up. */
export class Fairness1796000000000 implements MigrationInterface {
  readonly name = "Fairness1796000000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

const STATEMENTS = [
  // Whoever reads for hours, as a backup does, would have us wait, and everybody who takes deliveries in wait behind us.
  "SET LOCAL lock_timeout = '2s'",
  // Null in all rows but those that are put off (priority from 8), so that they take no room in the others.
  "ALTER TABLE octogauge.inbox ADD COLUMN due_at timestamptz, ADD COLUMN granted smallint",
  "CREATE INDEX inbox_due_at ON octogauge.inbox (due_at) WHERE due_at IS NOT NULL",
  // One row for each limited owner and repository. Logged: turns that were given away stay given away after a crash.
  `CREATE TABLE octogauge.rate_limits (
     name text COLLATE "C" PRIMARY KEY,
     used_until timestamptz NOT NULL
   ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0)`,
];
