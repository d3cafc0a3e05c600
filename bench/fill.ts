import { query } from "./database.js";

export interface Filling {
  readonly series: number;
  readonly openJobs: number;
  readonly finishedJobs: number;
}

/** Half of the series are counters, half are lines of histograms with 16 lines each. */
const FILL_SERIES = `
  WITH counters AS (
    INSERT INTO octogauge.counter_series (metric, labels, value)
    SELECT 'github_workflow_jobs_completed_total', format('owner="acme",repo="repository-%s",workflow="build and test",runs_on="ubuntu-latest",conclusion="success"', i), i
    FROM generate_series(1, $1::int / 2) i
  )
  INSERT INTO octogauge.histogram_series (metric, labels, bounds, buckets, sum, count)
  SELECT 'github_workflow_job_queue_seconds', format('owner="acme",repo="repository-%s",workflow="build and test",runs_on="ubuntu-latest"', i),
    '{1,5,10,30,60,120,300,600,1200,1800,3600,7200,21600}', '{1,2,3,4,5,6,7,8,9,10,11,12,13}', 1000, 13
  FROM generate_series(1, $1::int / 32) i`;

const FILL_JOBS = `
  INSERT INTO octogauge.workflow_jobs (job_id, run_id, run_attempt, owner, repo, workflow, runs_on, status, state, rank, facts, fresh_facts, updated_at, event_time, since)
  SELECT $2::bigint + i, $2::bigint + i / 10, 1, 'acme', 'repository-' || i % 200, 'build and test', 'ubuntu-latest',
    CASE WHEN $3 THEN 'completed' ELSE 'queued' END, CASE WHEN $3 THEN 1 ELSE 0 END, 0, 7, 0, now(), 0, now()
  FROM generate_series(1, $1::int) i`;

const FILL_RUNS = `
  INSERT INTO octogauge.workflow_runs (run_id, run_attempt, owner, repo, workflow, status, state, rank, facts, fresh_facts, updated_at, event_time, since)
  SELECT $2::bigint + i, 1, 'acme', 'repository-' || i % 200, 'build and test', CASE WHEN $3 THEN 'completed' ELSE 'in_progress' END, CASE WHEN $3 THEN 1 ELSE 0 END, 0, 7, 0, now(), 0, now()
  FROM generate_series(0, $1::int / 10) i`;

/** Inserts series, open and finished jobs, and their runs, with one statement per table. */
export async function fill(url: string, { series, openJobs, finishedJobs }: Filling): Promise<void> {
  await query(url, FILL_SERIES, [series]);
  await query(url, FILL_JOBS, [openJobs, 1, false]);
  await query(url, FILL_RUNS, [openJobs, 1, false]);
  await query(url, FILL_JOBS, [finishedJobs, 1_000_000_000, true]);
  await query(url, FILL_RUNS, [finishedJobs, 1_000_000_000, true]);
  await query(url, "VACUUM ANALYZE");
  // Otherwise writing these pages would slow down the next measurement.
  await query(url, "CHECKPOINT");
}
