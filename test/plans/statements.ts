/** Expectations for the plan of one statement. */
export interface Expectation {
  readonly matches: RegExp;
  /** Indexes that avoid a scan of a whole table. */
  readonly uses: readonly string[];
  /** Tables that may be read whole. A comment gives the reason. */
  readonly readsWhole?: readonly string[];
  /** For statements that need all rows: buffers per row of the large tables, or per series, instead of a factor. */
  readonly buffersPerRow?: number;
  readonly buffersPerSeries?: number;
  /** Whether it groups by hash. */
  readonly hashes?: true;
}

const JOBS = ["workflow_jobs_open", "workflow_runs_pkey"];
const RUNS = ["workflow_runs_open", "workflow_runs_pkey"];
const SERIES = ["counter_series_pkey", "histogram_series_pkey"];

/** Every statement that Octogauge runs regularly, matched by its text. */
export const STATEMENTS: Readonly<Record<string, Expectation>> = {
  // A plan does not show statements inside a function, only their buffers. They write indexes and read none.
  accept: { matches: /octogauge\.accept_deliveries/, uses: [] },
  claim: {
    matches: /inbox i\b[^;]*LIMIT \$\d+ FOR UPDATE SKIP LOCKED[^;]*DELETE FROM octogauge\.inbox i WHERE/,
    uses: ["inbox_pkey"],
  },
  "held batch": { matches: /UNION ALL[^;]*FOR UPDATE SKIP LOCKED/, uses: ["inbox_pkey", "inbox_due_at"] },
  "held batch removed": { matches: /^DELETE FROM octogauge\.inbox i WHERE/, uses: ["inbox_pkey"] },
  "delayed by a limit": { matches: /UPDATE octogauge\.inbox i SET due_at/, uses: ["inbox_pkey"] },
  // After a failure it returns the tokens of one batch, among all rate limits.
  "token blocks returned": { matches: /UPDATE octogauge\.rate_limits/, uses: [], readsWhole: ["rate_limits"], buffersPerSeries: 0.05 },
  "token blocks taken": { matches: /INSERT INTO octogauge\.rate_limits/, uses: ["rate_limits_pkey"] },
  // One row per worker.
  journal: { matches: /INSERT INTO octogauge\.begun_batches/, uses: [], readsWhole: ["begun_batches"] },
  "batch entry removed": { matches: /^DELETE FROM octogauge\.begun_batches/, uses: [], readsWhole: ["begun_batches"] },
  "moved to retries": { matches: /INSERT INTO octogauge\.retries/, uses: ["inbox_pkey", "retries_pkey"] },
  "next retry": { matches: /UPDATE octogauge\.retries SET attempts = attempts \+ 1/, uses: ["retries_due_at", "retries_pkey"] },
  "delivery of a retry": { matches: /DELETE FROM octogauge\.retries/, uses: ["retries_pkey"] },
  // By time or by hand, these become few.
  "retries by event": { matches: /FROM octogauge\.retries GROUP BY/, uses: [], readsWhole: ["retries"], buffersPerSeries: 0.05 },
  "claim of one row": { matches: /inbox WHERE priority = \$1 AND seq = \$2 FOR UPDATE/, uses: ["inbox_pkey"] },
  // A thousand packs, each looked up in the tables that may use it. Dead letters are few.
  "unused packs": {
    matches: /DELETE FROM octogauge\.payload_packs/,
    uses: ["payload_packs_pkey", "inbox_pack", "retries_pack"],
    readsWhole: ["dead_letters"],
  },
  "payload of a pack": { matches: /SELECT bytes FROM octogauge\.payload_packs WHERE pack = \$1/, uses: ["payload_packs_pkey"] },
  "dead letter": { matches: /INSERT INTO octogauge\.dead_letters/, uses: ["dead_letters_pkey"] },
  "locks of the runs of a batch": { matches: /^SELECT pg_advisory_xact_lock_shared/, uses: [] },
  "locks of runs with copies": { matches: /pg_advisory_xact_lock\(/, uses: [] },
  "runs with copies": { matches: /DISTINCT run_id[^;]*AND is_copy/, uses: ["workflow_jobs_copies"] },
  "executions of a run": { matches: /name_hash::float8 AS "nameHash"/, uses: ["workflow_jobs_run_id"] },
  "values of jobs": { matches: /coalesce\(queue_seconds, 0\)/, uses: ["workflow_jobs_pkey"] },
  "attempts known by jobs": { matches: /SELECT t\.run_id, t\.run_attempt FROM octogauge\.workflow_runs t/, uses: ["workflow_runs_pkey"] },
  "labels of a run": { matches: /^SELECT owner, repo, workflow FROM octogauge\.workflow_runs/, uses: ["workflow_runs_pkey"] },
  "jobs of a batch": { matches: /INSERT INTO octogauge\.workflow_jobs/, uses: ["workflow_jobs_pkey"] },
  "runs of a batch": { matches: /INSERT INTO octogauge\.workflow_runs/, uses: ["workflow_runs_pkey"] },
  delta: { matches: /INSERT INTO octogauge\.tallies/, uses: [] },
  "lock timeout of a rollup": { matches: /set_config\('lock_timeout'/, uses: [] },
  "deltas to add": { matches: /DELETE FROM octogauge\.tallies/, uses: ["tallies_pkey"] },
  // Only for sharers with new series: the range of each.
  "shares of the budget": { matches: /AS u\(metric, sharer\)/, uses: SERIES, buffersPerSeries: 0.1 },
  "dead letters over the byte limit": {
    matches: /FROM greatest g JOIN sizes/,
    uses: [],
    readsWhole: ["dead_letters"],
    buffersPerSeries: 0.05,
  },
  "known series": { matches: /SELECT 1 FROM octogauge\.counter_series/, uses: SERIES },
  "locked budgets": { matches: /INSERT INTO octogauge\.series_budget/, uses: ["series_budget_pkey"] },
  // One row per metric: about a dozen.
  "spent budgets": { matches: /UPDATE octogauge\.series_budget/, uses: [], readsWhole: ["series_budget"] },
  "counters of a rollup": { matches: /INSERT INTO octogauge\.counter_series/, uses: ["counter_series_pkey"] },
  "histograms of a rollup": { matches: /INSERT INTO octogauge\.histogram_series/, uses: ["histogram_series_pkey"] },
  "open runs": { matches: /FROM octogauge\.workflow_runs o [^;]*GROUP BY 1/, uses: RUNS, hashes: true },
  "open jobs": { matches: /FROM octogauge\.workflow_jobs o [^;]*GROUP BY 1/, uses: JOBS, hashes: true },
  // Changed series are found by xmin in their rows, and the number of series is counted. A server has few databases.
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
  // By hand, these become few.
  "dead letters by event": { matches: /FROM octogauge\.dead_letters i GROUP BY/, uses: [], readsWhole: ["dead_letters"] },
  // An exact count of waiting rows reads them all, but only in the index.
  backlog: { matches: /count\(\*\) FROM octogauge\.inbox/, uses: ["inbox_pkey"], buffersPerRow: 0.01 },
  "age of the oldest pending": { matches: /min\(received_at\)[^;]*AS age/, uses: ["inbox_pkey", "inbox_due_at"] },
  // Reads the due rows only.
  "due and pending": { matches: /FROM octogauge\.inbox WHERE due_at <= now\(\) GROUP BY/, uses: ["inbox_due_at"] },
  "jobs left open": { matches: /workflow_jobs t SET state = 2/, uses: [...JOBS, "workflow_jobs_pkey"] },
  "runs left open": { matches: /workflow_runs t SET state = 2/, uses: RUNS },
  "lost jobs": { matches: /workflow_jobs t SET state = 3/, uses: [...JOBS, "workflow_jobs_pkey"] },
  "lost runs": { matches: /workflow_runs t SET state = 3/, uses: RUNS },
  // One row per role.
  leader: { matches: /INSERT INTO octogauge\.leaders/, uses: ["leaders_pkey"] },
  "leader steps down": { matches: /UPDATE octogauge\.leaders/, uses: [], readsWhole: ["leaders"] },
  "old jobs": { matches: /DELETE FROM octogauge\.workflow_jobs/, uses: ["workflow_jobs_changed_at"] },
  "old runs": { matches: /DELETE FROM octogauge\.workflow_runs/, uses: ["workflow_runs_changed_at"] },
  "old ids": {
    matches: /DELETE FROM octogauge\.delivery_ledger/,
    uses: ["inbox_pkey", "delivery_ledger_received_at", "delivery_ledger_pkey"],
  },
  "old look-ups": { matches: /DELETE FROM octogauge\.lookups/, uses: ["lookups_asked_at"] },
  // One row per hook.
  "hooks deleted": { matches: /DELETE FROM octogauge\.audited_hooks/, uses: [], readsWhole: ["audited_hooks"] },
  "hooks at once": { matches: /UPDATE octogauge\.audited_hooks SET due_at = least/, uses: [], readsWhole: ["audited_hooks"] },
  "hooks known": { matches: /SELECT hook FROM octogauge\.audited_hooks$/, uses: [], readsWhole: ["audited_hooks"] },
  "hook registered": { matches: /INSERT INTO octogauge\.audited_hooks/, uses: [], readsWhole: ["delivery_ledger"], buffersPerRow: 0.02 },
  "hook to audit": { matches: /UPDATE octogauge\.audited_hooks a SET walk_until/, uses: [], readsWhole: ["audited_hooks"] },
  "audit continues": { matches: /UPDATE octogauge\.audited_hooks SET walk_cursor = \$4/, uses: [], readsWhole: ["audited_hooks"] },
  "audit ends": { matches: /UPDATE octogauge\.audited_hooks SET verified_until/, uses: [], readsWhole: ["audited_hooks"] },
  "hook fails": { matches: /UPDATE octogauge\.audited_hooks SET failures = failures \+ 1/, uses: [], readsWhole: ["audited_hooks"] },
  "page of a log": {
    matches: /INSERT INTO octogauge\.missed_deliveries/,
    uses: ["delivery_ledger_pkey", "missed_deliveries_pkey"],
    readsWhole: ["audited_hooks"],
  },
  "missed, recovered": { matches: /SET state = 1\s+FROM[^;]*missed_deliveries/, uses: ["missed_deliveries_open", "delivery_ledger_pkey"] },
  "missed, given up": { matches: /SET state = 2\s+FROM[^;]*missed_deliveries/, uses: ["missed_deliveries_open"] },
  "old missed": { matches: /DELETE FROM octogauge\.missed_deliveries/, uses: ["missed_deliveries_settled"] },
  "missed, next to request": {
    matches: /AS "logId" FROM octogauge\.missed_deliveries m/,
    uses: ["missed_deliveries_open", "delivery_ledger_pkey"],
    readsWhole: ["audited_hooks"],
  },
  "redelivery begins": { matches: /UPDATE octogauge\.missed_deliveries m SET\s+attempts = attempts \+/, uses: ["missed_deliveries_pkey"] },
  "redelivery taken back": { matches: /UPDATE octogauge\.missed_deliveries SET attempts = attempts -/, uses: ["missed_deliveries_pkey"] },
  hooks: { matches: /AS "verifiedUntil"/, uses: ["missed_deliveries_open"], readsWhole: ["audited_hooks"] },
  "limits of GitHub": { matches: /FROM octogauge\.github_limits ORDER BY/, uses: [], readsWhole: ["github_limits"] },
  "stale runs": { matches: /AS "readAt"/, uses: [...JOBS, "workflow_runs_open", "lookups_pkey"] },
  "whether runs are known": { matches: /SELECT FROM octogauge\.counter_series/, uses: ["counter_series_pkey"] },
  "jobs gone at GitHub": { matches: /UPDATE octogauge\.workflow_jobs SET state = 2/, uses: ["workflow_jobs_run_id", "workflow_jobs_pkey"] },
  "run gone at GitHub": { matches: /UPDATE octogauge\.workflow_runs SET state = 2/, uses: [] },
  "jobs for traces": { matches: /INSERT INTO octogauge\.ci_trace_jobs/, uses: ["ci_trace_jobs_pkey"] },
  "runs for traces": { matches: /INSERT INTO octogauge\.ci_trace_outbox/, uses: ["workflow_jobs_run_id", "ci_trace_outbox_pkey"] },
  "traces that late jobs reopen": { matches: /pending_since = CASE/, uses: ["ci_trace_outbox_pkey"] },
  "traces due": { matches: /AS waits/, uses: ["ci_trace_outbox_due_at", "ci_trace_outbox_pkey", "workflow_jobs_pkey"] },
  "jobs of due traces": { matches: /SELECT j\.record FROM/, uses: ["ci_trace_jobs_run"] },
  "traces sent": { matches: /sent_at = CASE/, uses: ["ci_trace_outbox_pkey"] },
  "jobs sent": { matches: /DELETE FROM octogauge\.ci_trace_jobs WHERE job_id = ANY/, uses: ["ci_trace_jobs_pkey"] },
  "jobs added during a send": {
    matches: /EXISTS \(SELECT FROM octogauge\.ci_trace_jobs/,
    uses: ["ci_trace_outbox_pkey", "ci_trace_jobs_run"],
  },
  "unsendable traces": {
    matches: /due_at IS NOT NULL AND pending_since </,
    // Also one of the two indexes of pending traces.
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
