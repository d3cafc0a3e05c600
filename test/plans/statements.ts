/** What is asked of the plans of one statement. */
export interface Expectation {
  readonly matches: RegExp;
  /** Indexes without which it would read, or look through, a whole table. */
  readonly uses: readonly string[];
  /** Tables that it reads from end to end, and why that is right. */
  readonly readsWhole?: readonly string[];
  /** Where the work grows by its nature: buffers for each row of the large tables, or for each series, instead of a factor. */
  readonly buffersPerRow?: number;
  readonly buffersPerSeries?: number;
  /** Whether it groups by a hash. */
  readonly hashes?: true;
}

const JOBS = ["workflow_jobs_open", "workflow_runs_pkey"];
const RUNS = ["workflow_runs_open", "workflow_runs_pkey"];
const SERIES = ["counter_series_pkey", "histogram_series_pkey"];

/** Every statement that Octogauge runs all the time, recognised by its words. */
export const STATEMENTS: Readonly<Record<string, Expectation>> = {
  // Its statements are in a function, where a plan does not show them: of them only the buffers are seen here. They write indexes, and read none.
  accept: { matches: /octogauge\.accept_deliveries/, uses: [] },
  claim: {
    matches: /inbox i\b[^;]*LIMIT \$\d+ FOR UPDATE SKIP LOCKED[^;]*DELETE FROM octogauge\.inbox i WHERE/,
    uses: ["inbox_pkey"],
  },
  "held batch": { matches: /UNION ALL[^;]*FOR UPDATE SKIP LOCKED/, uses: ["inbox_pkey", "inbox_due_at"] },
  "held batch removed": { matches: /^DELETE FROM octogauge\.inbox i WHERE/, uses: ["inbox_pkey"] },
  "put off": { matches: /UPDATE octogauge\.inbox i SET due_at/, uses: ["inbox_pkey"] },
  // Of as many as are limited it gives back those of a batch, when one fails.
  "blocks given back": { matches: /UPDATE octogauge\.rate_limits/, uses: [], readsWhole: ["rate_limits"], buffersPerSeries: 0.05 },
  "blocks of a limit": { matches: /INSERT INTO octogauge\.rate_limits/, uses: ["rate_limits_pkey"] },
  // A row for each worker.
  journal: { matches: /INSERT INTO octogauge\.begun_batches/, uses: [], readsWhole: ["begun_batches"] },
  "batch given back": { matches: /^DELETE FROM octogauge\.begun_batches/, uses: [], readsWhole: ["begun_batches"] },
  "setting aside": { matches: /INSERT INTO octogauge\.retries/, uses: ["inbox_pkey", "retries_pkey"] },
  "next attempt": { matches: /UPDATE octogauge\.retries SET attempts = attempts \+ 1/, uses: ["retries_due_at", "retries_pkey"] },
  "delivery of an attempt": { matches: /DELETE FROM octogauge\.retries/, uses: ["retries_pkey"] },
  // By hand, or by time, they come to be few.
  "retries by event": { matches: /FROM octogauge\.retries GROUP BY/, uses: [], readsWhole: ["retries"], buffersPerSeries: 0.05 },
  "claim of one": { matches: /inbox WHERE priority = \$1 AND seq = \$2 FOR UPDATE/, uses: ["inbox_pkey"] },
  // A thousand packs, each looked for in the tables of those that may need it. Dead letters come to be few.
  "packs that nobody needs": {
    matches: /DELETE FROM octogauge\.payload_packs/,
    uses: ["payload_packs_pkey", "inbox_pack", "retries_pack"],
    readsWhole: ["dead_letters"],
  },
  "payloads out of packs": { matches: /SELECT bytes FROM octogauge\.payload_packs WHERE pack = \$1/, uses: ["payload_packs_pkey"] },
  "dead letter": { matches: /INSERT INTO octogauge\.dead_letters/, uses: ["dead_letters_pkey"] },
  "locks of the runs of a batch": { matches: /^SELECT pg_advisory_xact_lock_shared/, uses: [] },
  "locks of runs with copies": { matches: /pg_advisory_xact_lock\(/, uses: [] },
  "runs with copies": { matches: /DISTINCT run_id[^;]*AND is_copy/, uses: ["workflow_jobs_copies"] },
  "executions of a run": { matches: /name_hash::float8 AS "nameHash"/, uses: ["workflow_jobs_run_id"] },
  "values of jobs": { matches: /coalesce\(queue_seconds, 0\)/, uses: ["workflow_jobs_pkey"] },
  "attempts that jobs name": { matches: /SELECT t\.run_id, t\.run_attempt FROM octogauge\.workflow_runs t/, uses: ["workflow_runs_pkey"] },
  "labels of a run": { matches: /^SELECT owner, repo, workflow FROM octogauge\.workflow_runs/, uses: ["workflow_runs_pkey"] },
  "jobs of a batch": { matches: /INSERT INTO octogauge\.workflow_jobs/, uses: ["workflow_jobs_pkey"] },
  "runs of a batch": { matches: /INSERT INTO octogauge\.workflow_runs/, uses: ["workflow_runs_pkey"] },
  delta: { matches: /INSERT INTO octogauge\.tallies/, uses: [] },
  "patience of a rollup": { matches: /set_config\('lock_timeout'/, uses: [] },
  "tallies to add": { matches: /DELETE FROM octogauge\.tallies/, uses: ["tallies_pkey"] },
  // Of the sharers whose series are new, and then only: the range of each.
  "shares of the budget": { matches: /AS u\(metric, sharer\)/, uses: SERIES, buffersPerSeries: 0.1 },
  "dead letters beyond their bytes": {
    matches: /FROM greatest g JOIN sizes/,
    uses: [],
    readsWhole: ["dead_letters"],
    buffersPerSeries: 0.05,
  },
  "known series": { matches: /SELECT 1 FROM octogauge\.counter_series/, uses: SERIES },
  "locked budgets": { matches: /INSERT INTO octogauge\.series_budget/, uses: ["series_budget_pkey"] },
  // One row for each metric: a dozen.
  "spent budgets": { matches: /UPDATE octogauge\.series_budget/, uses: [], readsWhole: ["series_budget"] },
  "counters of a rollup": { matches: /INSERT INTO octogauge\.counter_series/, uses: ["counter_series_pkey"] },
  "histograms of a rollup": { matches: /INSERT INTO octogauge\.histogram_series/, uses: ["histogram_series_pkey"] },
  "open runs": { matches: /FROM octogauge\.workflow_runs o [^;]*GROUP BY 1/, uses: RUNS, hashes: true },
  "open jobs": { matches: /FROM octogauge\.workflow_jobs o [^;]*GROUP BY 1/, uses: JOBS, hashes: true },
  // Which series have changed is seen in their rows; how many there are is counted. A server's databases are few.
  "changed counters": {
    matches: /FROM octogauge\.counter_series s\s+WHERE[^;]*age\(s\.xmin\)/,
    uses: [],
    readsWhole: ["counter_series", "pg_database"],
    buffersPerSeries: 0.5,
  },
  "changed histograms": {
    matches: /FROM octogauge\.histogram_series s\s+WHERE[^;]*age\(s\.xmin\)/,
    uses: [],
    readsWhole: ["histogram_series", "pg_database"],
    buffersPerSeries: 0.5,
  },
  // By hand they come to be few.
  "dead letters by event": { matches: /FROM octogauge\.dead_letters i GROUP BY/, uses: [], readsWhole: ["dead_letters"] },
  // An exact count of what waits looks at all of it, but only in the index.
  backlog: { matches: /count\(\*\) FROM octogauge\.inbox/, uses: ["inbox_pkey"], buffersPerRow: 0.01 },
  "age of the oldest": { matches: /min\(received_at\)[^;]*AS age/, uses: ["inbox_pkey", "inbox_due_at"] },
  // As many as are due.
  "due and pending": { matches: /FROM octogauge\.inbox WHERE due_at <= now\(\) GROUP BY/, uses: ["inbox_due_at"] },
  "jobs left open": { matches: /workflow_jobs t SET state = 2/, uses: [...JOBS, "workflow_jobs_pkey"] },
  "runs left open": { matches: /workflow_runs t SET state = 2/, uses: RUNS },
  "lost jobs": { matches: /workflow_jobs t SET state = 3/, uses: [...JOBS, "workflow_jobs_pkey"] },
  "lost runs": { matches: /workflow_runs t SET state = 3/, uses: RUNS },
  // A row for each role.
  leader: { matches: /INSERT INTO octogauge\.leaders/, uses: ["leaders_pkey"] },
  "leader steps down": { matches: /UPDATE octogauge\.leaders/, uses: [], readsWhole: ["leaders"] },
  "old jobs": { matches: /DELETE FROM octogauge\.workflow_jobs/, uses: ["workflow_jobs_changed_at"] },
  "old runs": { matches: /DELETE FROM octogauge\.workflow_runs/, uses: ["workflow_runs_changed_at"] },
  "old ids": {
    matches: /DELETE FROM octogauge\.delivery_ledger/,
    uses: ["inbox_pkey", "delivery_ledger_received_at", "delivery_ledger_pkey"],
  },
  "old look-ups": { matches: /DELETE FROM octogauge\.lookups/, uses: ["lookups_asked_at"] },
  // One row for each hook.
  "hooks forgotten": { matches: /DELETE FROM octogauge\.audited_hooks/, uses: [], readsWhole: ["audited_hooks"] },
  "hooks at once": { matches: /UPDATE octogauge\.audited_hooks SET due_at = least/, uses: [], readsWhole: ["audited_hooks"] },
  "hooks known": { matches: /SELECT hook FROM octogauge\.audited_hooks$/, uses: [], readsWhole: ["audited_hooks"] },
  "hook registered": { matches: /INSERT INTO octogauge\.audited_hooks/, uses: [], readsWhole: ["delivery_ledger"], buffersPerRow: 0.02 },
  "hook to audit": { matches: /UPDATE octogauge\.audited_hooks a SET walk_until/, uses: [], readsWhole: ["audited_hooks"] },
  "walk goes on": { matches: /UPDATE octogauge\.audited_hooks SET walk_cursor = \$4/, uses: [], readsWhole: ["audited_hooks"] },
  "walk ends": { matches: /UPDATE octogauge\.audited_hooks SET verified_until/, uses: [], readsWhole: ["audited_hooks"] },
  "hook fails": { matches: /UPDATE octogauge\.audited_hooks SET failures = failures \+ 1/, uses: [], readsWhole: ["audited_hooks"] },
  "page of a log": {
    matches: /INSERT INTO octogauge\.missed_deliveries/,
    uses: ["delivery_ledger_pkey", "missed_deliveries_pkey"],
    readsWhole: ["audited_hooks"],
  },
  "missed, that came": { matches: /SET state = 1\s+FROM[^;]*missed_deliveries/, uses: ["missed_deliveries_open", "delivery_ledger_pkey"] },
  "missed, given up": { matches: /SET state = 2\s+FROM[^;]*missed_deliveries/, uses: ["missed_deliveries_open"] },
  "old missed": { matches: /DELETE FROM octogauge\.missed_deliveries/, uses: ["missed_deliveries_settled"] },
  "missed, next to ask for": {
    matches: /AS "logId" FROM octogauge\.missed_deliveries m/,
    uses: ["missed_deliveries_open", "delivery_ledger_pkey"],
    readsWhole: ["audited_hooks"],
  },
  "redelivery begins": { matches: /UPDATE octogauge\.missed_deliveries m SET\s+attempts = attempts \+/, uses: ["missed_deliveries_pkey"] },
  "redelivery taken back": { matches: /UPDATE octogauge\.missed_deliveries SET attempts = attempts -/, uses: ["missed_deliveries_pkey"] },
  hooks: { matches: /AS "verifiedUntil"/, uses: ["missed_deliveries_open"], readsWhole: ["audited_hooks"] },
  "limits of GitHub": { matches: /FROM octogauge\.github_limits ORDER BY/, uses: [], readsWhole: ["github_limits"] },
  "silent attempts": { matches: /AS "readAt"/, uses: [...JOBS, "workflow_runs_open", "lookups_pkey"] },
  "whether runs are known": { matches: /SELECT FROM octogauge\.counter_series/, uses: ["counter_series_pkey"] },
  "gone jobs": { matches: /UPDATE octogauge\.workflow_jobs SET state = 2/, uses: ["workflow_jobs_run_id", "workflow_jobs_pkey"] },
  "gone run": { matches: /UPDATE octogauge\.workflow_runs SET state = 2/, uses: [] },
  "jobs for traces": { matches: /INSERT INTO octogauge\.ci_trace_jobs/, uses: ["ci_trace_jobs_pkey"] },
  "runs for traces": { matches: /INSERT INTO octogauge\.ci_trace_outbox/, uses: ["workflow_jobs_run_id", "ci_trace_outbox_pkey"] },
  "traces that late jobs reopen": { matches: /pending_since = CASE/, uses: ["ci_trace_outbox_pkey"] },
  "traces due": { matches: /AS waits/, uses: ["ci_trace_outbox_due_at", "ci_trace_outbox_pkey", "workflow_jobs_pkey"] },
  "jobs of due traces": { matches: /SELECT j\.record FROM/, uses: ["ci_trace_jobs_run"] },
  "traces sent": { matches: /sent_at = CASE/, uses: ["ci_trace_outbox_pkey"] },
  "jobs sent": { matches: /DELETE FROM octogauge\.ci_trace_jobs WHERE job_id = ANY/, uses: ["ci_trace_jobs_pkey"] },
  "jobs that came meanwhile": {
    matches: /EXISTS \(SELECT FROM octogauge\.ci_trace_jobs/,
    uses: ["ci_trace_outbox_pkey", "ci_trace_jobs_run"],
  },
  "traces that cannot be sent": {
    matches: /due_at IS NOT NULL AND pending_since </,
    // And one of the two indexes of what is pending.
    uses: ["ci_trace_jobs_run"],
  },
  "old traces": { matches: /due_at IS NULL AND sent_at </, uses: ["ci_trace_outbox_sent_at"] },
  "old jobs for traces": { matches: /ci_trace_jobs WHERE noted_at </, uses: ["ci_trace_jobs_noted_at"] },
  "traces pending": {
    matches: /count\(\*\)[^;]*FROM octogauge\.ci_trace_outbox WHERE due_at IS NOT NULL$/,
    uses: ["ci_trace_outbox_pending"],
  },
  "look-up": { matches: /INSERT INTO octogauge\.lookups/, uses: ["lookups_pkey"] },
};
