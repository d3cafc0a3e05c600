import type { MigrationInterface, QueryRunner } from "typeorm";

/** Deliveries that failed and get further attempts, who was at what when a process died, and who leads. */
export class Retries1795300000000 implements MigrationInterface {
  readonly name = "Retries1795300000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
    const [inbox] = (await runner.query(
      "SELECT attcompression = 'l' AS lz4 FROM pg_attribute WHERE attrelid = 'octogauge.inbox'::regclass AND attname = 'payload'",
    )) as [{ lz4: boolean } | undefined];
    if (inbox?.lz4) await runner.query("ALTER TABLE octogauge.retries ALTER COLUMN payload SET COMPRESSION lz4");
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

const STATEMENTS = [
  // attempts counts the one that is due or under way. Its number is the fence: only who holds it may end the attempt.
  `CREATE TABLE octogauge.retries (
     delivery_id uuid PRIMARY KEY,
     priority smallint NOT NULL,
     event text NOT NULL,
     received_at timestamptz NOT NULL,
     hook_id bigint,
     form boolean NOT NULL,
     projection text,
     payload bytea NOT NULL,
     source text NOT NULL,
     error_class text NOT NULL,
     error text NOT NULL,
     attempts integer NOT NULL,
     due_at timestamptz NOT NULL
   )`,
  "CREATE INDEX retries_due_at ON octogauge.retries (due_at)",
  // For whoever looks for the dead letters of a repository.
  "ALTER TABLE octogauge.dead_letters ADD COLUMN repository text NOT NULL DEFAULT ''",
  // Who does what one process does for all, and until when.
  `CREATE TABLE octogauge.leaders (
     role text PRIMARY KEY,
     holder uuid NOT NULL,
     epoch bigint NOT NULL,
     expires_at timestamptz NOT NULL
   ) WITH (fillfactor = 50)`,
  // One row for each worker: the batch it is at. Unlogged, since it is about processes that die, not about servers.
  `CREATE UNLOGGED TABLE octogauge.batch_journal (
     worker uuid PRIMARY KEY,
     deliveries uuid[] NOT NULL,
     began_at timestamptz NOT NULL DEFAULT now()
   ) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 100, autovacuum_vacuum_cost_delay = 0)`,
];
