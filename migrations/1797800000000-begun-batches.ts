import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * Who is at what, with a row for each batch instead of one for each worker that is written anew: such a row aged with each batch while
 * somebody held a snapshot. batch_journal stays for the versions that use it, and goes with a later one.
 */
export class BegunBatches1797800000000 implements MigrationInterface {
  readonly name = "BegunBatches1797800000000";

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(BEGUN_BATCHES);
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

// Unlogged, since it is about processes that die, not about servers. The numbers of the inbox follow each other, so a batch is few ranges of them.
// Thinly filled: where most rows are gone and not cleaned away, the planner takes the index for as large as the table that it saves from reading.
const BEGUN_BATCHES = `
  CREATE UNLOGGED TABLE octogauge.begun_batches (
    xid xid8 PRIMARY KEY DEFAULT pg_current_xact_id(),
    worker uuid NOT NULL,
    seqs int8multirange NOT NULL,
    began_at timestamptz NOT NULL DEFAULT now()
  ) WITH (fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0)`;
