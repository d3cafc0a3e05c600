import type { MigrationInterface, QueryRunner } from "typeorm";

/** The context of the trace that a delivery came with goes where the delivery goes. */
export class Traceparent1796300000000 implements MigrationInterface {
  readonly name = "Traceparent1796300000000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(NO_QUEUE);
    for (const table of TABLES) await runner.query(`ALTER TABLE octogauge.${table} ADD COLUMN traceparent text COLLATE "C"`);
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

// Whoever reads for hours, as a backup does, would have us wait, and everybody who takes deliveries in wait behind us.
const NO_QUEUE = "SET LOCAL lock_timeout = '2s'";

// Null where nothing is traced, so that it takes no room. The ledger keeps it for the redeliveries, which link to the first request.
const TABLES = ["delivery_ledger", "inbox", "retries", "dead_letters"];
