import type { MigrationInterface, QueryRunner } from "typeorm";

/** What of finished jobs and runs is yet to be sent as traces. Empty unless CI_TRACES is on. */
export class CiTraces1796600000000 implements MigrationInterface {
  readonly name = "CiTraces1796600000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
    const [inbox] = (await runner.query(
      "SELECT attcompression = 'l' AS lz4 FROM pg_attribute WHERE attrelid = 'octogauge.inbox'::regclass AND attname = 'payload'",
    )) as [{ lz4: boolean } | undefined];
    if (inbox?.lz4) await runner.query("ALTER TABLE octogauge.ci_trace_jobs ALTER COLUMN record SET COMPRESSION lz4");
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

const HOT = "autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0";

const STATEMENTS = [
  // Jobs that have completed and were not sent. record: JSON, see src/outbound/ci-records.ts.
  `CREATE TABLE octogauge.ci_trace_jobs (
     job_id bigint PRIMARY KEY,
     run_id bigint NOT NULL,
     run_attempt integer NOT NULL,
     record text NOT NULL,
     noted_at timestamptz NOT NULL DEFAULT now()
   ) WITH (${HOT})`,
  "CREATE INDEX ci_trace_jobs_run ON octogauge.ci_trace_jobs (run_id, run_attempt)",
  "CREATE INDEX ci_trace_jobs_noted_at ON octogauge.ci_trace_jobs (noted_at)",
  // Attempts that have completed. due_at: when there is something to send, null once all is sent. pending_since: since when
  // there is. waits_for: the jobs that were open when the attempt completed. attempts counts the one under way; its number is
  // the fence, as in retries. sent_at: when the attempt's own span was sent; the row stays for jobs that complete late.
  `CREATE TABLE octogauge.ci_trace_outbox (
     run_id bigint NOT NULL,
     run_attempt integer NOT NULL,
     record text NOT NULL,
     waits_for bigint[] NOT NULL,
     pending_since timestamptz NOT NULL DEFAULT now(),
     due_at timestamptz,
     attempts integer NOT NULL DEFAULT 0,
     error text NOT NULL DEFAULT '',
     sent_at timestamptz,
     PRIMARY KEY (run_id, run_attempt)
   ) WITH (fillfactor = 80, ${HOT})`,
  "CREATE INDEX ci_trace_outbox_due_at ON octogauge.ci_trace_outbox (due_at) WHERE due_at IS NOT NULL",
  "CREATE INDEX ci_trace_outbox_pending ON octogauge.ci_trace_outbox (pending_since) WHERE due_at IS NOT NULL",
  "CREATE INDEX ci_trace_outbox_sent_at ON octogauge.ci_trace_outbox (sent_at) WHERE due_at IS NULL",
];
