import { BenchChild } from "./child.js";
import { type BenchServer, query } from "./database.js";
import { atMost, type Result } from "./report.js";
import { type Figures, percentile, Rounds } from "./statistics.js";

interface Scale {
  readonly rounds: number;
  /** Finished jobs of the long history. */
  readonly history: number;
}

const SCRAPES = 8;
const OPEN_JOBS = 5_000;

/** Half of the series are counters, half are lines of histograms (16 each). */
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

/** `/metrics` by the number of series and the length of the history. */
export async function benchScrape(server: BenchServer, { rounds, history }: Scale, progress: (line: string) => void): Promise<Result> {
  const measured = new Rounds();
  const prepared = new Map<string, string>();
  const prepare = async (series: number, finished: number): Promise<string> => {
    const key = `${series}/${finished}`;
    const url = prepared.get(key) ?? (await server.fresh());
    if (!prepared.has(key)) {
      await query(url, FILL_SERIES, [series]);
      await query(url, FILL_JOBS, [OPEN_JOBS, 1, false]);
      await query(url, FILL_RUNS, [OPEN_JOBS, 1, false]);
      await query(url, FILL_JOBS, [finished, 1_000_000_000, true]);
      await query(url, FILL_RUNS, [finished, 1_000_000_000, true]);
      await query(url, "VACUUM ANALYZE");
      prepared.set(key, url);
    }
    return url;
  };
  const measure = (series: number, finished: number) => async (): Promise<Figures> => {
    const url = await prepare(series, finished);
    const child = await BenchChild.start("servers/octogauge.js", { DATABASE_URL: url, MODE: "gateway" });
    const latencies: number[] = [];
    let lines = 0;
    for (let index = 0; index <= SCRAPES; index += 1) {
      const began = performance.now();
      const text = await (await fetch(`http://127.0.0.1:${child.ready["management"]}/metrics`)).text();
      // The first one warms up.
      if (index > 0) latencies.push(performance.now() - began);
      lines = text.split("\n").filter((line) => line && !line.startsWith("#")).length;
      await new Promise((resolve) => setTimeout(resolve, 1_050));
    }
    const [row] = await query<{ ms: string }>(url, TEXT_ALONE);
    await child.stop();
    return {
      "scrape ms": percentile(
        latencies.sort((a, b) => a - b),
        0.5,
      ),
      "text alone ms": Number(row?.ms),
      series: lines,
    };
  };
  await measured.run(
    rounds,
    {
      "2k series": measure(2_000, 0),
      "20k series": measure(20_000, 0),
      [`20k series, ${history} finished jobs`]: measure(20_000, history),
    },
    progress,
  );
  for (const url of prepared.values()) await server.drop(url);
  return {
    name: "scrape",
    conditions: `${OPEN_JOBS} open jobs; ${SCRAPES} scrapes each, past the cache; ${rounds} rounds, medians.`,
    rounds: measured,
    verdicts: [
      atMost("20k series, ms", measured.medians("20k series")["scrape ms"] ?? NaN, 150),
      atMost(
        `with ${history} finished jobs / with none`,
        measured.ratio("scrape ms", `20k series, ${history} finished jobs`, "20k series"),
        1.1,
      ),
    ],
  };
}

/** The server's own time to serialise the counters' text, without the way out. */
const TEXT_ALONE = `
  WITH began AS MATERIALIZED (SELECT clock_timestamp() AS at),
    text AS MATERIALIZED (SELECT length(string_agg(metric || '{' || labels || '} ' || value, E'\\n' ORDER BY labels)) AS length FROM octogauge.counter_series, began)
  SELECT round(extract(epoch FROM clock_timestamp() - at)::numeric * 1000, 3)::text AS ms FROM began, text`;
