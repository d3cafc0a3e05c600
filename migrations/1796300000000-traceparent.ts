import type { MigrationInterface, QueryRunner } from "typeorm";

/** The context of the trace that a delivery came with goes where the delivery goes. */
export class Traceparent1796300000000 implements MigrationInterface {
  readonly name = "Traceparent1796300000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const table of TABLES) await runner.query(`ALTER TABLE octogauge.${table} ADD COLUMN traceparent text COLLATE "C"`);
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

// Null where nothing is traced, so that it takes no room. The ledger keeps it for the redeliveries, which link to the first request.
const TABLES = ["delivery_ledger", "inbox", "retries", "dead_letters"];
