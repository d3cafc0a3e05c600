import type { MigrationInterface, QueryRunner } from "typeorm";

/** What tells the execution of a job (truth rule 9), and what its row must know to count times that are proven later (rule 12). */
export class Executions1798100000000 implements MigrationInterface {
  readonly name = "Executions1798100000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

const STATEMENTS = [
  // 0 and '' are for rows that earlier versions write.
  `ALTER TABLE octogauge.workflow_jobs
     ADD COLUMN name_hash bigint NOT NULL DEFAULT 0,
     ADD COLUMN execution bigint NOT NULL DEFAULT 0,
     ADD COLUMN conclusion text NOT NULL DEFAULT '',
     ADD COLUMN queue_seconds double precision,
     ADD COLUMN is_copy boolean NOT NULL DEFAULT false`,
  // All jobs of a run that has copies are read to count its executions.
  "CREATE INDEX workflow_jobs_run_id ON octogauge.workflow_jobs (run_id)",
  // By a column that does not change: an index by facts would end HOT updates.
  "CREATE INDEX workflow_jobs_copies ON octogauge.workflow_jobs (run_id) WHERE is_copy",
];
