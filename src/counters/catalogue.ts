import { EVENT_COUNTERS } from "../events/index.js";

/** A metric family of `/metrics`. A test checks docs/metrics.md against this table. */
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

/** Stored in rows by the processing transaction. Counters survive restarts and never go backwards. */
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
    "Deliveries in GitHub's log of the hook that had not arrived.",
  ),
  hookRedelivered: family("octogauge_hook_deliveries_redelivered_total", "counter", HOOK, "Redelivery requests that GitHub accepted."),
  hookRecovered: family("octogauge_hook_deliveries_recovered_total", "counter", HOOK, "Missed deliveries that arrived later."),
  hookGivenUp: family(
    "octogauge_hook_deliveries_given_up_total",
    "counter",
    HOOK,
    "Missed deliveries that are too old for GitHub to redeliver.",
  ),
  lookups: family(
    "octogauge_lookups_total",
    "counter",
    ["outcome"],
    "Lookups of stale run attempts at GitHub by outcome: `answered`, `unchanged`, `gone` (closed), `unseen` (no access) or `failed`.",
  ),
  folded: family(
    "octogauge_series_folded_total",
    "counter",
    ["metric"],
    "Increments added to `other` because the metric reached MAX_SERIES_PER_METRIC label sets.",
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
  oldestQueued: family("github_workflow_oldest_queued_job_age_seconds", "gauge", [...REPO, "runs_on"], "Age of the job queued longest."),
  oldestRunning: family("github_workflow_oldest_running_job_age_seconds", "gauge", [...REPO, "runs_on"], "Age of the job running longest."),
  inboxPending: family("octogauge_inbox_pending", "gauge", ["priority"], "Deliveries waiting to be processed."),
  inboxSurplus: family(
    "octogauge_inbox_surplus",
    "gauge",
    ["priority"],
    "Pending deliveries beyond the fair share of their repository (FAIR_SHARE); they are processed after all others.",
  ),
  inboxDelayed: family(
    "octogauge_inbox_delayed",
    "gauge",
    ["priority"],
    "Deliveries delayed by RATE_LIMITS; they are not counted as pending.",
  ),
  inboxOldest: family(
    "octogauge_inbox_oldest_pending_age_seconds",
    "gauge",
    ["priority"],
    "Age of the oldest pending delivery, without overflow.",
  ),
  inboxOldestSurplus: family(
    "octogauge_inbox_oldest_surplus_age_seconds",
    "gauge",
    ["priority"],
    "Age of the oldest overflow delivery: beyond the fair share of its repository, or replayed.",
  ),
  bufferPending: family(
    "octogauge_buffer_pending",
    "gauge",
    [],
    "Deliveries in the buffer that are not in the inbox yet; only with `BUFFER`.",
  ),
  deadLetters: family("octogauge_dead_letters", "gauge", ["event"], "Deliveries kept because their processing failed permanently."),
  deadLetterBytes: family(
    "octogauge_dead_letters_bytes",
    "gauge",
    ["event"],
    "Bytes of the dead letters' bodies; DEAD_LETTERS_MAX_BYTES limits their sum.",
  ),
  retries: family("octogauge_retries", "gauge", ["event"], "Deliveries that failed and wait for a retry."),
  ciTracesPending: family(
    "octogauge_ci_traces_pending",
    "gauge",
    [],
    "Traces of finished runs that are not sent yet; only with `CI_TRACES`.",
  ),
  ciTracesOldest: family(
    "octogauge_ci_traces_oldest_pending_age_seconds",
    "gauge",
    [],
    "Age of the oldest unsent trace; only with `CI_TRACES`.",
  ),
  hookVerified: family(
    "octogauge_hook_last_verified_timestamp_seconds",
    "gauge",
    HOOK,
    "Every delivery that GitHub sent before this time has arrived or is counted as missed.",
  ),
  hookAudit: family("octogauge_hook_audit_success", "gauge", HOOK, "1 if the last read of the hook's delivery log succeeded, else 0."),
  hookMissing: family("octogauge_hook_deliveries_missing", "gauge", HOOK, "Missed deliveries that may still arrive."),
  githubRemaining: family(
    "octogauge_github_rate_limit_remaining",
    "gauge",
    ["principal"],
    "Requests left in GitHub's current rate limit window, by the principal that GitHub counts them for.",
  ),
  githubPause: family(
    "octogauge_github_pause_seconds",
    "gauge",
    ["principal"],
    "Seconds until requests to GitHub resume after GitHub asked for a pause.",
  ),
  collectorSuccess: family("octogauge_collector_success", "gauge", ["collector"], "1 if the collector succeeded in this scrape, else 0."),
  collectorDuration: family("octogauge_collector_duration_seconds", "gauge", ["collector"], "Duration of the collector in this scrape."),
} as const;
