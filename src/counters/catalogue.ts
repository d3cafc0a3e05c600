import { EVENT_COUNTERS } from "../events/index.js";

/** A metric family that Octogauge answers on `/metrics`. docs/metrics.md is checked against this table by a test. */
export interface Family {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram";
  readonly labels: readonly string[];
  readonly help: string;
}

const REPO = ["owner", "repo"];
const RUN = [...REPO, "workflow", "branch"];
const JOB = [...REPO, "workflow", "runs_on"];

const HOOK = ["hook"];

const family = (name: string, type: Family["type"], labels: readonly string[], help: string): Family => ({ name, type, labels, help });

/** Kept in rows by the processing transaction; they survive restarts and never go backwards. */
export const COUNTERS = {
  runsRequested: family("github_workflow_runs_requested_total", "counter", [...RUN, "event"], "Workflow run attempts that were requested."),
  runsStarted: family("github_workflow_runs_started_total", "counter", [...RUN, "event"], "Workflow run attempts that started."),
  runsCompleted: family(
    "github_workflow_runs_completed_total",
    "counter",
    [...RUN, "event", "conclusion"],
    "Workflow run attempts that completed.",
  ),
  jobsQueued: family("github_workflow_jobs_queued_total", "counter", JOB, "Jobs that were queued."),
  jobsStarted: family("github_workflow_jobs_started_total", "counter", JOB, "Jobs that started on a runner."),
  jobsCompleted: family("github_workflow_jobs_completed_total", "counter", [...JOB, "conclusion"], "Jobs that completed."),
  runsLost: family("github_workflow_runs_lost_total", "counter", REPO, "Run attempts that were open for longer than GitHub allows."),
  jobsLost: family("github_workflow_jobs_lost_total", "counter", REPO, "Jobs that were open for longer than GitHub allows."),
  ...EVENT_COUNTERS,
  events: family("github_events_total", "counter", ["event", "action"], "Deliveries that were processed."),
  hookMissed: family(
    "octogauge_hook_deliveries_missed_total",
    "counter",
    HOOK,
    "Deliveries that GitHub has in the log of the hook and that had not come.",
  ),
  hookRedelivered: family(
    "octogauge_hook_deliveries_redelivered_total",
    "counter",
    HOOK,
    "Redeliveries that GitHub was asked for and took on.",
  ),
  hookRecovered: family("octogauge_hook_deliveries_recovered_total", "counter", HOOK, "Missed deliveries that came after all."),
  hookGivenUp: family("octogauge_hook_deliveries_given_up_total", "counter", HOOK, "Missed deliveries that GitHub no longer redelivers."),
  lookups: family(
    "octogauge_lookups_total",
    "counter",
    ["outcome"],
    "Silent run attempts that were looked up at GitHub: `answered`, `unchanged`, `gone` (closed), `unseen` (no access) or `failed`.",
  ),
  folded: family(
    "octogauge_series_folded_total",
    "counter",
    ["metric"],
    "Increments that went to `other`, since the metric has MAX_SERIES_PER_METRIC label sets.",
  ),
} as const;

export const HISTOGRAMS = {
  runDuration: family(
    "github_workflow_run_duration_seconds",
    "histogram",
    [...RUN, "conclusion"],
    "Time from the start of a run attempt to its completion.",
  ),
  jobQueue: family("github_workflow_job_queue_seconds", "histogram", JOB, "Time from the creation of a job to its start."),
  jobDuration: family(
    "github_workflow_job_duration_seconds",
    "histogram",
    [...JOB, "conclusion"],
    "Time from the start of a job to its completion.",
  ),
} as const;

/** Read from the open rows at scrape time. */
export const GAUGES = {
  runs: family("github_workflow_runs", "gauge", [...REPO, "workflow", "status"], "Workflow run attempts that are open now."),
  jobs: family("github_workflow_jobs", "gauge", [...JOB, "status"], "Jobs that are open now."),
  oldestQueued: family(
    "github_workflow_oldest_queued_job_age_seconds",
    "gauge",
    [...REPO, "runs_on"],
    "Age of the job that has been queued longest.",
  ),
  oldestRunning: family(
    "github_workflow_oldest_running_job_age_seconds",
    "gauge",
    [...REPO, "runs_on"],
    "Age of the job that has been running longest.",
  ),
  inboxPending: family("octogauge_inbox_pending", "gauge", ["priority"], "Deliveries that wait to be processed."),
  inboxSurplus: family(
    "octogauge_inbox_surplus",
    "gauge",
    ["priority"],
    "Of the pending deliveries, those beyond the fair share of their repository, which wait behind all others (FAIR_SHARE).",
  ),
  inboxDelayed: family(
    "octogauge_inbox_delayed",
    "gauge",
    ["priority"],
    "Deliveries that RATE_LIMITS put off; they are not among the pending ones.",
  ),
  inboxOldest: family(
    "octogauge_inbox_oldest_pending_age_seconds",
    "gauge",
    ["priority"],
    "Age of the delivery that has waited longest; surplus, which is meant to wait, apart.",
  ),
  inboxOldestSurplus: family(
    "octogauge_inbox_oldest_surplus_age_seconds",
    "gauge",
    ["priority"],
    "Age of the surplus that has waited longest: beyond the fair share of its repository, or replayed.",
  ),
  bufferPending: family(
    "octogauge_buffer_pending",
    "gauge",
    [],
    "Deliveries in the buffer that are not in the inbox yet; with `BUFFER` only.",
  ),
  deadLetters: family("octogauge_dead_letters", "gauge", ["event"], "Deliveries that could not be processed and are kept."),
  deadLetterBytes: family(
    "octogauge_dead_letters_bytes",
    "gauge",
    ["event"],
    "Bytes of the dead letters' bodies, of DEAD_LETTERS_MAX_BYTES for all.",
  ),
  retries: family("octogauge_retries", "gauge", ["event"], "Deliveries that failed and wait for a further attempt."),
  ciTracesPending: family(
    "octogauge_ci_traces_pending",
    "gauge",
    [],
    "Traces of finished runs that are yet to be sent; with `CI_TRACES` only.",
  ),
  ciTracesOldest: family(
    "octogauge_ci_traces_oldest_pending_age_seconds",
    "gauge",
    [],
    "For how long the trace that has waited longest has; with `CI_TRACES` only.",
  ),
  hookVerified: family(
    "octogauge_hook_last_verified_timestamp_seconds",
    "gauge",
    HOOK,
    "All that GitHub sent before is known to have come, or to be missed.",
  ),
  hookAudit: family("octogauge_hook_audit_success", "gauge", HOOK, "1 where the log of the hook could be read the last time."),
  hookMissing: family("octogauge_hook_deliveries_missing", "gauge", HOOK, "Missed deliveries that may still come."),
  githubRemaining: family(
    "octogauge_github_rate_limit_remaining",
    "gauge",
    ["principal"],
    "Requests to GitHub's API that are left in this hour, by whom GitHub counts them for.",
  ),
  githubPause: family(
    "octogauge_github_pause_seconds",
    "gauge",
    ["principal"],
    "For how much longer nobody asks GitHub, since it said so.",
  ),
  collectorSuccess: family("octogauge_collector_success", "gauge", ["collector"], "1 where the collector of this scrape succeeded."),
  collectorDuration: family("octogauge_collector_duration_seconds", "gauge", ["collector"], "Time the collector of this scrape took."),
} as const;
