import type { MigrationInterface, QueryRunner } from "typeorm";

/** What GitHub's delivery logs and its API were asked, and what they said. */
export class Repair1795600000000 implements MigrationInterface {
  readonly name = "Repair1795600000000";

  async up(runner: QueryRunner): Promise<void> {
    for (const statement of STATEMENTS) await runner.query(statement);
  }

  /** Forward only. */
  async down(): Promise<void> {
    throw new Error("migrations go forward only; restore a backup to go back");
  }
}

const STATEMENTS = [
  // One row for each of GITHUB_HOOKS. since: the log before it is not ours to judge. The walk goes from the newest entry
  // back to verified_until, a page at a time, and makes walk_until the new verified_until.
  `CREATE TABLE octogauge.audited_hooks (
     hook text PRIMARY KEY,
     since timestamptz NOT NULL,
     verified_until timestamptz NOT NULL,
     walk_until timestamptz,
     walk_cursor text,
     due_at timestamptz NOT NULL DEFAULT now(),
     failures integer NOT NULL DEFAULT 0,
     error text NOT NULL DEFAULT ''
   ) WITH (fillfactor = 50)`,
  // state: 0 open, 1 recovered, 2 given up. attempts: redeliveries that were begun.
  `CREATE TABLE octogauge.missed_deliveries (
     delivery_id uuid NOT NULL,
     hook text NOT NULL,
     log_id bigint NOT NULL,
     event text NOT NULL,
     delivered_at timestamptz NOT NULL,
     state smallint NOT NULL DEFAULT 0,
     attempts integer NOT NULL DEFAULT 0,
     due_at timestamptz NOT NULL DEFAULT now(),
     PRIMARY KEY (delivery_id, hook)
   )`,
  "CREATE INDEX missed_deliveries_open ON octogauge.missed_deliveries (delivered_at) WHERE state = 0",
  "CREATE INDEX missed_deliveries_settled ON octogauge.missed_deliveries (delivered_at) WHERE state <> 0",
  // When an open attempt was last asked for, when GitHub last knew it, when it last answered in full, and the tags of that answer.
  `CREATE TABLE octogauge.lookups (
     run_id bigint NOT NULL,
     run_attempt integer NOT NULL,
     asked_at timestamptz NOT NULL,
     found_at timestamptz,
     answered_at timestamptz,
     run_etag text,
     jobs_etag text,
     PRIMARY KEY (run_id, run_attempt)
   ) WITH (fillfactor = 80)`,
  "CREATE INDEX lookups_asked_at ON octogauge.lookups (asked_at)",
  // One row for each principal that GitHub counts requests for: the pause and the rest that the whole fleet obeys. A pause
  // for refused credentials is for those alone, told by a fingerprint.
  `CREATE TABLE octogauge.github_limits (
     principal text PRIMARY KEY,
     hourly integer,
     remaining integer,
     resets_at timestamptz,
     paused_until timestamptz NOT NULL DEFAULT '-infinity',
     pause_reason text NOT NULL DEFAULT '',
     pause_credentials text NOT NULL DEFAULT '',
     pauses integer NOT NULL DEFAULT 0
   ) WITH (fillfactor = 50)`,
  // A single row: when somebody may write next.
  `CREATE TABLE octogauge.github_writes (
     one boolean PRIMARY KEY DEFAULT true CHECK (one),
     next_at timestamptz NOT NULL
   ) WITH (fillfactor = 50)`,
];
