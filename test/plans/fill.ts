import { packOf } from "../../src/intake/pack.js";
import { projectionOf } from "../../src/events/project.js";
import { rowsOf } from "../support/database.js";
import { jobPayload, RAN, runPayload } from "../support/payloads.js";
import { at } from "../support/clock.js";

const [JOB, RUN, REPO] = ["771000001", "551000001", "repository-x"];
/** Numbers of open rows and of rows old enough for deletion, at any size. Only finished or waiting rows grow. */
const [OPEN, OLD] = [400, 300];

export const MOST_SERIES = 20_000;

const project = (event: string, payload: object): string =>
  String(
    projectionOf(
      event,
      false,
      Buffer.from(JSON.stringify({ ...payload, repository: { full_name: `acme/${REPO}`, default_branch: "main" } })),
    ),
  );

/** Tables whose rows are limited by the backlog or the series. They never reach a million rows. */
const SHORT = new Set(["tallies", "retries", "rate_limits", "counter_series", "histogram_series"].map((table) => `octogauge.${table}`));
const TABLES = [
  "inbox",
  "payload_packs",
  "delivery_ledger",
  "workflow_jobs",
  "workflow_runs",
  "tallies",
  "counter_series",
  "histogram_series",
  "retries",
  "missed_deliveries",
  "lookups",
  "rate_limits",
  "ci_trace_jobs",
  "ci_trace_outbox",
].map((table) => `octogauge.${table}`);

// Without autovacuum, the final VACUUM alone determines the statistics and the BRIN summaries. Without WAL
// the rows are written only once, with the same plans.
const STILL = TABLES.flatMap((table) => [`ALTER TABLE ${table} SET (autovacuum_enabled = false)`, `ALTER TABLE ${table} SET UNLOGGED`]);

interface Index {
  readonly table: string;
  readonly drop: string;
  readonly create: string;
}

/** Creates the indexes of the large tables after their rows, which sorts once instead of inserting each row. */
const INDEXES = `
  SELECT 'octogauge.' || r.relname AS table,
    CASE WHEN c.oid IS NULL THEN format('DROP INDEX %s', i.indexrelid::regclass) ELSE format('ALTER TABLE %s DROP CONSTRAINT %I', i.indrelid::regclass, c.conname) END AS drop,
    CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid) ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', i.indrelid::regclass, c.conname, pg_get_constraintdef(c.oid)) END AS create
  FROM pg_index i JOIN pg_class r ON r.oid = i.indrelid LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
  WHERE i.indrelid = ANY ($1::regclass[])`;

// Times rise with the position in the table, as in real use.
const LEDGER = `
  INSERT INTO octogauge.delivery_ledger (delivery_id, received_at)
  SELECT lpad(to_hex(i), 32, '0')::uuid, now() - CASE WHEN i <= ${OLD} THEN interval '8 days' ELSE interval '2 days' END + make_interval(secs => i / 20.0)
  FROM generate_series(1, $1::int) i`;

// Two job deliveries per run delivery, spread over the tables. Half of their runs and jobs are known, and a few are delayed.
// The test never claims the small ones.
const INBOX = `
  INSERT INTO octogauge.inbox (priority, due_at, delivery_id, event, form, projection, pack, pack_offset, bytes)
  SELECT CASE WHEN i % 50 = 0 THEN 1 WHEN is_put_off THEN 8 ELSE 0 END, CASE WHEN is_put_off THEN now() + make_interval(secs => i - 500) END, lpad(to_hex(i), 32, '0')::uuid, CASE WHEN i % 3 = 0 THEN 'workflow_run' ELSE 'workflow_job' END, false,
    CASE WHEN i <= 3000 OR is_put_off THEN replace(replace(replace(CASE WHEN i % 3 = 0 THEN $3 ELSE $2 END, '${JOB}', thing), '${RUN}', thing), '${REPO}', 'repository-' || i % 200) ELSE '' END,
    i / 2 * 2 + 1, 0, 7
  FROM generate_series(1, $1::int) i, LATERAL (SELECT (i * 7919::bigint % ($1 * 2) + 1)::text AS thing, i % 50 = 7 AS is_put_off) t`;

// Numbered from one. Every second pack is used by two rows, and the others by none.
const PACKS = `INSERT INTO octogauge.payload_packs (bytes) SELECT $2::bytea FROM generate_series(0, $1::int + 1)`;

const changed = `now() - CASE WHEN i <= ${OLD} THEN interval '40 days' ELSE interval '20 days' END + make_interval(secs => i)`;
// A few open rows are lost, superseded, or belong to a completed attempt.
const since = "now() - CASE WHEN i % 40 = 0 THEN interval '50 days' ELSE interval '1 hour' END";

const JOBS = `
  INSERT INTO octogauge.workflow_jobs (job_id, run_id, run_attempt, owner, repo, workflow, runs_on, status, state, rank, facts, fresh_facts, updated_at, event_time, since, changed_at)
  SELECT i, i, 1, 'acme', 'repository-' || i % 200, 'ci', 'ubuntu-latest', CASE WHEN is_open THEN 'queued' ELSE 'completed' END,
    CASE WHEN is_open THEN 0 ELSE 1 END, 0, 1, 0, '2026-01-01', 0, ${since}, ${changed}
  FROM generate_series(1, $1::int) i, LATERAL (SELECT i > $1 - ${OPEN} AS is_open) o`;

const RUNS = `
  INSERT INTO octogauge.workflow_runs (run_id, run_attempt, owner, repo, workflow, status, state, rank, facts, fresh_facts, updated_at, event_time, since, changed_at)
  SELECT i - CASE WHEN is_open AND i % 50 = 1 THEN 1 ELSE 0 END, CASE WHEN is_open AND i % 50 = 1 THEN 2 ELSE 1 END, 'acme', 'repository-' || i % 200, 'ci', CASE WHEN is_open THEN 'queued' ELSE 'completed' END,
    CASE WHEN is_open THEN 0 ELSE 1 END, 0, 1, 0, '2026-01-01', 0, ${since}, ${changed}
  FROM generate_series(1, $1::int) i, LATERAL (SELECT i > $1 - ${OPEN} AND i % 30 <> 0 AS is_open) o`;

const COUNTERS = `
  INSERT INTO octogauge.counter_series (metric, labels, value)
  SELECT 'github_workflow_jobs_completed_total', format('owner="acme",repo="other-%s",workflow="ci",runs_on="ubuntu-latest",conclusion="success"', i), 1
  FROM generate_series(1, $1::int) i`;

const HISTOGRAMS = `
  INSERT INTO octogauge.histogram_series (metric, labels, bounds, buckets, sum, count)
  SELECT 'github_workflow_job_queue_seconds', format('owner="acme",repo="other-%s",workflow="ci",runs_on="ubuntu-latest"', i), '{1,60,3600}', '{1,2,3}', 9, 3
  FROM generate_series(1, $1::int) i`;

// Spread over so many pages that reading them all for a few rows would be expensive.
const TALLIES = `INSERT INTO octogauge.tallies (xid, increments) SELECT i::text::xid8, rpad('{"counters":{},"histograms":{}}', 1900) FROM generate_series(1, $1::int) i`;

const RETRIES = `
  INSERT INTO octogauge.retries (delivery_id, priority, event, received_at, form, payload, source, error_class, error, attempts, due_at)
  SELECT lpad(to_hex(i + 1e12::bigint), 32, '0')::uuid, 0, 'star', now(), false, '{}', 'apply', '23514', 'refused', 1, now() + make_interval(secs => i - 10)
  FROM generate_series(1, $1::int) i`;

// Missed from time to time and recovered, except the open ones.
const MISSED = `
  INSERT INTO octogauge.missed_deliveries (delivery_id, hook, log_id, event, delivered_at, state, due_at)
  SELECT lpad(to_hex(i + CASE WHEN is_open THEN 2e12::bigint ELSE 0 END), 32, '0')::uuid, 'org:acme:1', i, 'workflow_job',
    now() - CASE WHEN i <= ${OLD} THEN interval '8 days' ELSE interval '2 days' END, CASE WHEN is_open THEN 0 ELSE 1 END, now() + make_interval(secs => i - $1 + 100)
  FROM generate_series(1, $1::int) i, LATERAL (SELECT i > $1 - ${OPEN} AS is_open) o`;

const LOOKUPS = `
  INSERT INTO octogauge.lookups (run_id, run_attempt, asked_at, found_at)
  SELECT i, 1, now() - CASE WHEN i <= ${OLD} THEN interval '40 days' ELSE interval '2 days' END, now() - interval '2 days' FROM generate_series(1, $1::int) i`;

const LIMITS = `
  INSERT INTO octogauge.rate_limits (name, used_until) SELECT 'acme/other-' || i, now() - interval '1 day' FROM generate_series(1, $1::int) i`;

// Sent or waiting for their run. Some are due, and some of those wait for jobs.
const TRACES = `
  INSERT INTO octogauge.ci_trace_outbox (run_id, run_attempt, record, waits_for, pending_since, due_at, sent_at)
  SELECT i, 1, format('{"runId":%s,"runAttempt":1}', i), CASE WHEN is_due THEN ARRAY[i, i - 1] ELSE '{}' END,
    now() - CASE WHEN i % 10 = 0 THEN interval '4 days' ELSE interval '1 hour' END, CASE WHEN is_due THEN now() + make_interval(secs => i - $1) END,
    CASE WHEN NOT is_due THEN now() - CASE WHEN i <= ${OLD} THEN interval '4 days' ELSE interval '2 days' END END
  FROM generate_series(1, $1::int) i, LATERAL (SELECT i > $1 - ${OPEN} AS is_due) o`;

const TRACE_JOBS = `
  INSERT INTO octogauge.ci_trace_jobs (job_id, run_id, run_attempt, record, noted_at)
  SELECT i, i, 1, format('{"jobId":%s,"runId":%s,"runAttempt":1}', i, i), now() - CASE WHEN i <= ${OLD} THEN interval '40 days' ELSE interval '2 days' END
  FROM generate_series(1, $1::int) i`;

/** Fills the tables that grow with time or backlog to this size, and the series tables to their maximum. */
export async function fill(url: string, rows: number): Promise<void> {
  await rowsOf(url, STILL.join(";\n"));
  const indexes = await rowsOf<Index & Record<string, unknown>>(url, INDEXES, [TABLES.filter((table) => !SHORT.has(table))]);
  await rowsOf(url, indexes.map(({ drop }) => drop).join(";\n"));
  const series = Math.min(rows, MOST_SERIES);
  const job = project("workflow_job", jobPayload("completed", { ...RAN, id: Number(JOB), run_id: Number(RUN) }));
  const run = project("workflow_run", runPayload("completed", { id: Number(RUN), conclusion: "success", updated_at: at("10:01:00") }));
  const filling: [string, unknown[]][] = [
    [LEDGER, [rows]],
    [INBOX, [rows, job, run]],
    [PACKS, [rows, await packOf([Buffer.from("payload")])]],
    [JOBS, [rows]],
    [RUNS, [rows]],
    [MISSED, [rows]],
    [LOOKUPS, [rows]],
    [TRACES, [rows]],
    [TRACE_JOBS, [rows]],
    [TALLIES, [OPEN]],
    [RETRIES, [series]],
    [LIMITS, [series]],
    [COUNTERS, [series]],
    [HISTOGRAMS, [series]],
  ];
  await Promise.all(
    filling.map(async ([statement, values]) => {
      await rowsOf(url, statement, values);
      const table = TABLES.find((name) => statement.includes(`INSERT INTO ${name} `));
      for (const index of indexes.filter((one) => one.table === table)) await rowsOf(url, index.create);
    }),
  );
  await rowsOf(url, "VACUUM ANALYZE");
}
