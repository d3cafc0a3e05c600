import type { MigrationInterface, QueryRunner } from "typeorm";

/** What the transition rules need to know of the world, as rows: see docs/architecture.md for the picture. */
export class InitialSchema1795000000000 implements MigrationInterface {
  readonly name = "InitialSchema1795000000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of [...INBOX, ...WORKFLOW_STATE, ...COUNTERS]) await runner.query(statement);
    const [support] = (await runner.query(
      "SELECT 'lz4' = ANY (enumvals) AS lz4 FROM pg_settings WHERE name = 'default_toast_compression'",
    )) as [{ lz4: boolean } | undefined];
    // lz4 stores a 12 KB payload at about twice the rate of pglz, but not every build has it.
    if (support?.lz4) {
      await runner.query("ALTER TABLE octogauge.inbox ALTER COLUMN payload SET COMPRESSION lz4");
      await runner.query("ALTER TABLE octogauge.dead_letters ALTER COLUMN payload SET COMPRESSION lz4");
    }
  }

  /** Forward only: a schema is left by restoring a backup, not by dropping counters. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

const HOT = "autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 500, autovacuum_vacuum_cost_delay = 0";

const INBOX = [
  // The dedup ledger outlives the inbox row: GitHub may redeliver an id for 3 days.
  `CREATE TABLE octogauge.delivery_ledger (
     delivery_id uuid PRIMARY KEY,
     received_at timestamptz NOT NULL DEFAULT now()
   ) WITH (autovacuum_vacuum_insert_scale_factor = 0.05)`,
  "CREATE INDEX delivery_ledger_received_at ON octogauge.delivery_ledger USING brin (received_at) WITH (pages_per_range = 32)",
  // The key is the claim's ORDER BY: a claim stays at 2 ms whatever the backlog.
  `CREATE TABLE octogauge.inbox (
     priority smallint NOT NULL,
     seq bigint GENERATED ALWAYS AS IDENTITY,
     delivery_id uuid NOT NULL,
     event text NOT NULL,
     received_at timestamptz NOT NULL DEFAULT now(),
     hook_id bigint,
     form boolean NOT NULL,
     projection text,
     payload bytea NOT NULL,
     PRIMARY KEY (priority, seq)
   ) WITH (${HOT}, toast.autovacuum_vacuum_scale_factor = 0.05, toast.autovacuum_vacuum_cost_delay = 0)`,
  `CREATE TABLE octogauge.dead_letters (
     delivery_id uuid PRIMARY KEY,
     priority smallint NOT NULL,
     event text NOT NULL,
     received_at timestamptz NOT NULL,
     hook_id bigint,
     form boolean NOT NULL,
     payload bytea NOT NULL,
     source text NOT NULL,
     error_class text NOT NULL,
     error text NOT NULL,
     attempts integer NOT NULL,
     died_at timestamptz NOT NULL DEFAULT now()
   )`,
];

// state: 0 open, 1 completed, 2 closed, 3 lost. facts: bits, see src/workflow-state/facts.ts.
// fresh_facts holds the bits that the newest upsert added, since RETURNING cannot see the old row before PostgreSQL 18.
const WORKFLOW_STATE = [
  `CREATE TABLE octogauge.workflow_runs (
     run_id bigint NOT NULL,
     run_attempt integer NOT NULL,
     owner text NOT NULL,
     repo text NOT NULL,
     workflow text NOT NULL,
     status text NOT NULL,
     state smallint NOT NULL,
     rank smallint NOT NULL,
     facts smallint NOT NULL,
     fresh_facts smallint NOT NULL,
     updated_at timestamptz NOT NULL,
     event_time bigint NOT NULL,
     since timestamptz NOT NULL,
     changed_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (run_id, run_attempt)
   ) WITH (fillfactor = 80, ${HOT})`,
  "CREATE INDEX workflow_runs_open ON octogauge.workflow_runs (run_id, run_attempt) WHERE state = 0",
  "CREATE INDEX workflow_runs_changed_at ON octogauge.workflow_runs USING brin (changed_at) WITH (pages_per_range = 32)",
  `CREATE TABLE octogauge.workflow_jobs (
     job_id bigint PRIMARY KEY,
     run_id bigint NOT NULL,
     run_attempt integer NOT NULL,
     owner text NOT NULL,
     repo text NOT NULL,
     workflow text NOT NULL,
     runs_on text NOT NULL,
     status text NOT NULL,
     state smallint NOT NULL,
     rank smallint NOT NULL,
     facts smallint NOT NULL,
     fresh_facts smallint NOT NULL,
     updated_at timestamptz NOT NULL,
     event_time bigint NOT NULL,
     since timestamptz NOT NULL,
     changed_at timestamptz NOT NULL DEFAULT now()
   ) WITH (fillfactor = 80, ${HOT})`,
  "CREATE INDEX workflow_jobs_open ON octogauge.workflow_jobs (run_id, run_attempt) WHERE state = 0",
  "CREATE INDEX workflow_jobs_changed_at ON octogauge.workflow_jobs USING brin (changed_at) WITH (pages_per_range = 32)",
];

const COUNTERS = [
  `CREATE TABLE octogauge.counter_series (
     metric text COLLATE "C" NOT NULL,
     labels text COLLATE "C" NOT NULL,
     value bigint NOT NULL,
     PRIMARY KEY (metric, labels)
   ) WITH (fillfactor = 50, ${HOT})`,
  // buckets are cumulative, one for each bound; count is the +Inf bucket.
  `CREATE TABLE octogauge.histogram_series (
     metric text COLLATE "C" NOT NULL,
     labels text COLLATE "C" NOT NULL,
     bounds double precision[] NOT NULL,
     buckets bigint[] NOT NULL,
     sum double precision NOT NULL,
     count bigint NOT NULL,
     PRIMARY KEY (metric, labels)
   ) WITH (fillfactor = 50, ${HOT})`,
  // How many label sets a metric has: the row lock makes the budget exact with any number of workers.
  `CREATE TABLE octogauge.series_budget (
     metric text COLLATE "C" PRIMARY KEY,
     used integer NOT NULL
   )`,
  // Adds cumulative buckets. Where the configured bounds changed, an old bucket is carried into the next new bound
  // above it: never more exact than it was, and nothing lost.
  `CREATE FUNCTION octogauge.add_buckets(old_bounds double precision[], old_buckets bigint[], new_bounds double precision[], new_buckets bigint[])
   RETURNS bigint[] LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
     SELECT CASE WHEN old_bounds = new_bounds
       THEN (SELECT array_agg(o.bucket + n.bucket ORDER BY n.i)
             FROM unnest(old_buckets) WITH ORDINALITY o(bucket, i) JOIN unnest(new_buckets) WITH ORDINALITY n(bucket, i) USING (i))
       ELSE (SELECT array_agg(n.bucket + coalesce((SELECT max(o.bucket) FROM unnest(old_bounds, old_buckets) o(bound, bucket) WHERE o.bound <= n.bound), 0) ORDER BY n.i)
             FROM unnest(new_bounds, new_buckets) WITH ORDINALITY n(bound, bucket, i))
     END
   $$`,
];
