import { availableParallelism } from "node:os";
import { readDatabaseUrl } from "./database-url.js";
import { type Hook, HOOK_FORMS, readHooks } from "./hooks.js";
import { LEVEL_FORMS, type LogLevel, readLevel, readRoomLevels, ROOM_LEVEL_FORMS, type RoomLevels } from "./log-levels.js";
import { choice, duration, headers, list, pairs, optional, optionalUrl, port, text, url, whole } from "./parsers.js";
import { DEFAULT_PRIORITIES, type Priorities, PRIORITY_FORMS, readPriorities } from "./priorities.js";
import { NO_LIMITS, RATE_LIMIT_FORMS, type RateLimitSettings, readRateLimits } from "./rate-limits.js";
import { NETWORK_FORMS, Networks, readNetworks } from "./networks.js";
import { readPrivateKey } from "./private-key.js";

const MEBIBYTE = 1_048_576;
const DAY_SECONDS = 86_400;

/** Bounds in seconds, from a lint job to the longest job that GitHub allows on hosted runners. */
export const DEFAULT_BUCKETS: readonly number[] = [1, 5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 21_600];

type OtlpProtocol = "http/protobuf" | "http/json" | "grpc";

/** Names from OpenTelemetry. */
const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/**
 * Every environment variable that Octogauge reads, with its parser, default and description. A test compares
 * docs/configuration.md with this table.
 */
export const variables = {
  MODE: choice("standalone", ["standalone", "gateway", "worker"]).describe(
    "`gateway` receives deliveries, `worker` processes them, `standalone` does both",
  ),
  WEB_CONCURRENCY: text(1, readConcurrency, "a whole number from 1 to 256, or auto (as many as the machine has cores)").describe(
    "processes on this machine that share PORT; only the primary has the management listener. DATABASE_POOL_SIZE and WORKER_CONCURRENCY apply to each process",
  ),
  HOST: text("0.0.0.0", (value) => value, "an address to listen on").describe("address of the public listener"),
  PORT: port(8080).describe("port of the public listener: `POST /webhook` and nothing else"),
  WEBHOOK_PATH: text("/webhook", readPath, "a path such as /github/webhook, without query").describe(
    "path of the webhook, with or without a final `/`; for a proxy that forwards a path prefix",
  ),
  KEEP_ALIVE_TIMEOUT: duration(75, 1, 7_200).describe(
    "how long the public listener keeps an idle connection; must be longer than in the load balancer, see [Behind a proxy](behind-a-proxy.md)",
  ),
  MANAGEMENT_HOST: text("0.0.0.0", (value) => value, "an address to listen on").describe("address of the management listener"),
  MANAGEMENT_ALLOWED_HOSTS: list().describe(
    "additional `Host` names that the management listener accepts; globs such as `*.corp.example`, `*` for all. It always accepts IP addresses and internal names (without a dot, `.svc`, `.cluster.local`, `.local`, `.localhost`, `.internal`). Other names get 421",
  ),
  MANAGEMENT_PORT: port(8081).describe("port of `/metrics`, `/metrics/process` and `/health*`; do not expose it to the internet"),

  GITHUB_WEBHOOK_SECRET: list().describe(
    "secret of the webhook; several, separated by commas, during a rotation. Without it only the embedded quick start runs, with a generated secret",
  ),
  GITHUB_API_URL: url("https://api.github.com", "http:", "https:").describe(
    "URL of GitHub's REST API; for GitHub Enterprise Server `https://HOSTNAME/api/v3`",
  ),
  GITHUB_APP_ID: text<number | undefined>(
    undefined,
    (value) => (/^[1-9]\d{0,14}$/.test(value) ? Number(value) : undefined),
    "the App's id, a whole number (not its client id)",
  ).describe("id of the GitHub App that repairs lost deliveries; needs GITHUB_APP_PRIVATE_KEY, see [Repair](repair.md)"),
  GITHUB_APP_PRIVATE_KEY: text<string | undefined>(
    undefined,
    readPrivateKey,
    "an RSA private key in PEM as GitHub issues it, or in base64 (line ends may be written as \\n)",
  ).describe("private key of the GitHub App"),
  // The HTTP client would quote a token that is invalid in a header in its error.
  GITHUB_TOKEN: text<string | undefined>(
    undefined,
    (value) => (/^[\x21-\x7e]+$/.test(value) ? value : undefined),
    "a token: one word",
  ).describe("personal access token, instead of a GitHub App"),
  GITHUB_HOOKS: text<readonly Hook[]>([], readHooks, HOOK_FORMS).describe(
    "webhooks that point to this Octogauge, separated by commas: `app`, `org:<org>:<hook id>`, `repo:<owner>/<name>:<hook id>`. Their delivery logs are audited",
  ),
  AUDIT_INTERVAL: duration(300, 0.05).describe("interval between two audits of the delivery log of each hook"),
  AUDIT_SETTLE: duration(30, 0).describe("an audit ignores younger deliveries, because they may still arrive"),
  AUDIT_WINDOW: duration(3 * DAY_SECONDS, 60).describe(
    "how long GitHub can redeliver a delivery: 3 days, GitHub Enterprise Server 7; at least a day less than DEDUP_RETENTION",
  ),
  REDELIVERY: choice("on", ["on", "off"]).describe("`on` requests redelivery of missed deliveries, `off` only counts them"),
  REDELIVERY_BACKOFF: duration(60, 0.05).describe(
    "wait for a redelivery before it is requested again; each further wait is four times as long, at most 6 h",
  ),
  GITHUB_WRITE_INTERVAL: duration(1, 0.001).describe("least time between two write requests to GitHub's API, over all replicas"),
  RECONCILE_AFTER: duration(1_800, 0.05).describe(
    "an open run or job without an event for this long is looked up at GitHub, and again after each such period",
  ),
  RECONCILE_BUDGET: whole(50, 1, 100).describe("percentage of GitHub's hourly rate limit that these lookups may use"),

  METRICS_TOKEN: optional().describe("bearer token that `/metrics*` requires; none by default"),

  DATABASE_URL: text<string | undefined>(
    undefined,
    (value) => (readDatabaseUrl(value), value),
    "a URL in the form that psql accepts",
  ).describe(
    "URL of a PostgreSQL 14 or newer, in the form that psql accepts; see [Your PostgreSQL](your-postgresql.md). Without it Octogauge starts an embedded PostgreSQL, for evaluation and small single-machine use",
  ),
  DATABASE_POOL_SIZE: whole(10, 2, 500).describe(
    "maximum connections of this process; at least WORKER_CONCURRENCY + 2, except in a `gateway`",
  ),
  DATABASE_CONNECT_TIMEOUT: duration(10, 0.1).describe("how long the start retries an unreachable database before it fails"),
  DATA_DIR: text(".octogauge", (value) => value, "a directory").describe("directory of the embedded PostgreSQL and the generated secret"),
  MIGRATIONS: choice("run", ["run", "wait"]).describe(
    "`run` migrates at start, `wait` waits until another process has migrated (`octogauge migrate`)",
  ),

  BUFFER: choice("none", ["none", "nats", "redis"]).describe(
    "store for deliveries while PostgreSQL is slow or unavailable: NATS JetStream or a Redis Stream; see [Buffer](buffer.md)",
  ),
  BUFFER_AFTER: duration(1, 0.01).describe(
    "how long PostgreSQL may take to store a delivery before it goes to the buffer; less than REQUEST_TIMEOUT",
  ),
  BUFFER_STREAM: text(
    "octogauge",
    (value) => (/^[\w-]{1,64}$/.test(value) ? value : undefined),
    "letters, digits, _ and -, at most 64",
  ).describe("name of the NATS stream and of the Redis keys"),
  NATS_URL: text<readonly string[]>([], readNatsUrls, "URLs that begin with nats:// or tls://, separated by commas").describe(
    "NATS servers of one cluster for `BUFFER=nats`, with user and password, or token",
  ),
  NATS_REPLICAS: whole(1, 1, 5).describe("number of JetStream replicas of each delivery; applies when the stream is created"),
  REDIS_URL: text<string | undefined>(
    undefined,
    readRedisUrl,
    "a URL that begins with redis:// or rediss://, optionally with the number of a database as path",
  ).describe("Redis server for `BUFFER=redis`, with user and password"),

  MAX_BODY_BYTES: whole(25 * MEBIBYTE, 1_024, 256 * MEBIBYTE).describe("largest accepted body in bytes; GitHub sends at most 25 MB"),
  MAX_INFLIGHT_BYTES: whole(128 * MEBIBYTE, 65_536, 4_096 * MEBIBYTE).describe(
    "bytes of request bodies in memory at once; further requests get 503",
  ),
  MAX_INFLIGHT_REQUESTS: whole(2_000, 1, 100_000).describe("concurrent requests; further requests get 503"),
  REQUEST_TIMEOUT: duration(7.5, 0.1, 9).describe("every delivery gets an answer within this time; GitHub's own timeout is 10 s"),
  BODY_MIN_RATE: whole(8_192, 0, MEBIBYTE).describe(
    "least bytes per second of a request body, measured every 2 s; a slower request gets 408 and its connection is closed. 0 turns this off",
  ),
  WEBHOOK_ALLOW: text<Networks>(new Networks([]), readNetworks, NETWORK_FORMS).describe(
    "networks that may send deliveries; others get 403. GitHub lists its networks under `hooks` in https://api.github.com/meta. Empty allows all",
  ),
  TRUSTED_PROXIES: text<Networks>(new Networks([]), readNetworks, NETWORK_FORMS).describe(
    "networks of trusted proxies; WEBHOOK_ALLOW uses `X-Forwarded-For` of requests from them, and ignores it otherwise",
  ),
  FLUSH_SIZE: whole(2_000, 1, 10_000).describe("maximum deliveries in one commit of the inbox"),

  PRIORITIES: text<Priorities>(readPriorities(DEFAULT_PRIORITIES)!, readPriorities, PRIORITY_FORMS).describe(
    "lanes of the inbox by event, or by event and action (`workflow_job.completed=1`). Workers empty lane 0 first, but every tenth batch starts with the other lanes",
  ),
  FAIR_SHARE: whole(20, 0, 1_000_000).describe(
    "deliveries per second of one repository that keep their place in the queue, with bursts of ten times as many; further ones wait behind those of all other repositories. Applies to each receiving process; 0 turns it off",
  ),
  RATE_LIMITS: text<RateLimitSettings>(NO_LIMITS, readRateLimits, RATE_LIMIT_FORMS).describe(
    "maximum deliveries per second processed for an owner or a repository, over all workers, such as `*/*=20,acme=50,acme/monorepo=10`; further ones are delayed, without an effect on other repositories. Empty: no limit",
  ),
  INGEST_RATE_LIMIT: whole(0, 0, 1_000_000).describe(
    "maximum deliveries per second of one owner (from the body) under one secret, with bursts of ten times as many, in each receiving process; further ones get 429, and GitHub does not retry. 0: no limit",
  ),
  BATCH_SIZE: whole(1_000, 1, 5_000).describe("maximum deliveries in one processing transaction"),
  WORKER_CONCURRENCY: whole(2, 1, 64).describe("number of worker loops in this process"),
  MAX_ATTEMPTS: whole(5, 1, 100).describe("attempts before a delivery with a data error becomes a dead letter"),
  RETRY_BACKOFF: duration(1, 0.001).describe(
    "longest wait before the second attempt; doubles for each further attempt up to 5 min, with jitter",
  ),
  PROCESSING_DEADLINE: duration(60, 0.5).describe(
    "a worker whose event loop is blocked for longer is killed; each delivery of its batch is then retried alone",
  ),
  POLL_INTERVAL: duration(0.2, 0.01).describe("pause of a worker loop after an empty batch, or one of less than a tenth of `BATCH_SIZE`"),
  READY_MAX_PENDING_AGE: duration(900, 1).describe("a `worker` is not ready while the oldest pending delivery is older"),
  SHUTDOWN_DELAY: duration(0, 0).describe(
    "how long deliveries are still accepted after the stop signal, while readiness fails, so that the load balancer can react; less than DRAIN_TIMEOUT; ignored in a `worker`",
  ),
  DRAIN_TIMEOUT: duration(25, 0.1).describe("longest graceful shutdown; then the process exits"),

  DEDUP_RETENTION: duration(7 * DAY_SECONDS, 3 * DAY_SECONDS).describe(
    "how long delivery ids are kept to detect duplicates; GitHub redelivers for 3 days",
  ),
  STATE_RETENTION: duration(35 * DAY_SECONDS, 30 * DAY_SECONDS).describe(
    "how long completed runs and jobs are kept, so that a re-run (GitHub: within 30 days) does not count them again; counters stay",
  ),
  DEAD_LETTERS_MAX_BYTES: whole(1_024 * MEBIBYTE, MEBIBYTE, 1_048_576 * MEBIBYTE).describe(
    "maximum bytes of dead letters; beyond it the oldest of the repository with the most bytes are deleted",
  ),
  RETENTION_INTERVAL: duration(60, 0.05).describe("interval between two deletions of old rows"),
  LOST_CHECK_INTERVAL: duration(30, 0.05).describe("interval between two checks of open runs and jobs against the limits below"),
  JOB_QUEUED_LIMIT: duration(2 * DAY_SECONDS, 1).describe("a job that is queued for longer is lost; GitHub: 24 h, self-hosted up to 48 h"),
  JOB_RUNNING_LIMIT: duration(5 * DAY_SECONDS, 1).describe("a job that runs longer is lost; GitHub: 6 h hosted, 5 days self-hosted"),
  RUN_LIMIT: duration(35 * DAY_SECONDS, 1).describe("a run that is open longer is lost; GitHub: 35 days"),

  BRANCH_LABEL: choice("class", ["class", "name", "off"]).describe(
    "value of the label `branch`: a class (default, tag, other), the full name, or empty",
  ),
  LABEL_DENY: list().describe("labels that stay empty, such as `workflow,branch`"),
  LABEL_ALLOW: list().describe("if set, all other labels stay empty, except `status` and `conclusion`"),
  REPOSITORY_ALLOW: list().describe("globs of `owner/name`; if set, other repositories are counted in `github_events_total` only"),
  REPOSITORY_DENY: list().describe("globs of `owner/name` that are counted in `github_events_total` only"),
  MAX_SERIES_PER_METRIC: whole(10_000, 1, 1_000_000).describe(
    "maximum label sets of one metric; further ones are counted in `other`. One repository may have as many label sets as are still free, so at most half of them",
  ),
  HISTOGRAM_BUCKETS: text<ReadonlyMap<string, readonly number[]>>(
    new Map([["default", DEFAULT_BUCKETS]]),
    readBuckets,
    "increasing numbers of seconds separated by spaces, for all (`1 60 3600`) or per metric (`github_workflow_job_queue_seconds=1 10 60; default=1 60 3600`)",
  ).describe("upper bounds of the histograms in seconds, for all or per metric"),
  COMPAT_METRICS: choice("none", ["none", "promgithub"]).describe("`promgithub` adds the metric names of that exporter, for a migration"),

  CI_TRACES: choice("off", ["off", "on"]).describe(
    "`on` sends each completed run with its jobs and steps as a trace to OTEL_EXPORTER_OTLP_ENDPOINT; set it to the same value in all workers. See [Observability](observability.md)",
  ),
  CI_TRACES_SETTLE: duration(60, 0).describe("wait for late job events after a run completes, before its trace is sent"),
  CI_TRACES_WAIT: duration(600, 0).describe("longest wait of a trace for known jobs that have not completed"),
  CI_TRACES_RETENTION: duration(3 * DAY_SECONDS, 1).describe(
    "an unsent trace of this age is dropped and counted; a job is left out of the trace if its run does not complete in this time",
  ),

  OTEL_SDK_DISABLED: choice("false", ["false", "true"]).describe("`true` turns tracing off, whatever the other variables are"),
  OTEL_TRACES_EXPORTER: text<"none" | "otlp" | "console" | undefined>(
    undefined,
    (value) => (["none", "otlp", "console"] as const).find((candidate) => candidate === value),
    "none, otlp or console",
  ).describe(
    "exporter for traces of deliveries; by default `otlp` if an endpoint is set, else `none`. See [Observability](observability.md)",
  ),
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalUrl("http:", "https:").describe(
    "OTLP URL of an OpenTelemetry collector; over HTTP `/v1/traces` is appended",
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optionalUrl("http:", "https:").describe("OTLP URL for traces only, without an appended path"),
  OTEL_EXPORTER_OTLP_PROTOCOL: choice("http/protobuf", ["http/protobuf", "http/json", "grpc"]).describe("protocol of OTLP"),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: text<OtlpProtocol | undefined>(
    undefined,
    (value) => (["http/protobuf", "http/json", "grpc"] as const).find((candidate) => candidate === value),
    "http/protobuf, http/json or grpc",
  ).describe("protocol of OTLP for traces only"),
  OTEL_EXPORTER_OTLP_HEADERS: headers().describe("headers of every export, such as `authorization=Bearer%20…`, separated by commas"),
  OTEL_SERVICE_NAME: text("octogauge", (value) => value, "any text").describe("`service.name` of Octogauge's own traces"),
  OTEL_RESOURCE_ATTRIBUTES: pairs().describe("additional resource attributes of every span, such as `deployment.environment.name=prod`"),
  TRUST_TRACEPARENT: choice("off", ["off", "on"]).describe(
    "`on` continues the trace of the `traceparent` header, with its sampling decision. The signature does not cover the header: use `on` only behind a proxy that sets it and drops that of the sender",
  ),
  OTEL_TRACES_SAMPLER: choice("parentbased_always_on", SAMPLERS).describe(
    "sampler of deliveries; the decision at intake also holds for processing",
  ),
  OTEL_TRACES_SAMPLER_ARG: text(1, readRatio, "a ratio from 0 to 1").describe(
    "sampling ratio of `traceidratio` and `parentbased_traceidratio`",
  ),
  OTEL_BSP_SCHEDULE_DELAY: whole(5_000, 1, 600_000).describe("milliseconds between two exports"),
  OTEL_BSP_EXPORT_TIMEOUT: whole(30_000, 1, 600_000).describe("timeout of one export in milliseconds"),
  OTEL_BSP_MAX_QUEUE_SIZE: whole(2_048, 1, 1_000_000).describe("maximum spans waiting for export; further ones are dropped"),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: whole(512, 1, 1_000_000).describe("maximum spans in one export; at most OTEL_BSP_MAX_QUEUE_SIZE"),

  LOG_LEVEL: text<LogLevel>("info", readLevel, LEVEL_FORMS).describe("lowest level that is logged; see [Observability](observability.md)"),
  LOG_LEVELS: text<RoomLevels>(readRoomLevels("")!, readRoomLevels, ROOM_LEVEL_FORMS).describe(
    "log levels of single rooms, such as `processing=debug,github=warn`",
  ),
  LOG_FORMAT: choice("auto", ["auto", "json", "pretty"]).describe("`auto`: pretty on a terminal, else JSON"),
  LOG_DELIVERIES: choice("off", ["off", "on"]).describe(
    "`on` logs two lines for each delivery at `info`: when it is answered, and when it is applied",
  ),
};

/** Errors and `config check` redact these. */
export const SECRET_VARIABLES: ReadonlySet<string> = new Set([
  "GITHUB_WEBHOOK_SECRET",
  "GITHUB_APP_PRIVATE_KEY",
  "GITHUB_TOKEN",
  "METRICS_TOKEN",
  "DATABASE_URL",
  "NATS_URL",
  "REDIS_URL",
  "OTEL_EXPORTER_OTLP_HEADERS",
]);

function readRatio(value: string): number | undefined {
  const ratio = Number(value);
  return ratio >= 0 && ratio <= 1 ? ratio : undefined;
}

/** Whether the URL has a host, and valid percent-encoding in its credentials. */
function hasHost(url: string): boolean {
  const { hostname, username, password } = new URL(url);
  return hostname !== "" && [username, password].every((part) => !/%(?![0-9a-f]{2})/i.test(part));
}

function readRedisUrl(value: string): string | undefined {
  if (!URL.canParse(value)) return undefined;
  const { protocol, pathname } = new URL(value);
  return ["redis:", "rediss:"].includes(protocol) && hasHost(value) && /^\/?\d*$/.test(pathname) ? value : undefined;
}

function readNatsUrls(value: string): readonly string[] | undefined {
  const urls = value
    .split(/[,\n]/)
    .map((entry) => entry.trim())
    .filter(Boolean);
  return urls.every((url) => URL.canParse(url) && ["nats:", "tls:"].includes(new URL(url).protocol) && hasHost(url)) ? urls : undefined;
}

function readPath(value: string): string | undefined {
  return /^(\/[\w.~-]+)+\/?$/.test(value) ? value.replace(/\/$/, "") : undefined;
}

function readConcurrency(value: string): number | undefined {
  const count = value === "auto" ? availableParallelism() : /^\d{1,3}$/.test(value) ? Number(value) : 0;
  return count >= 1 && count <= 256 ? count : undefined;
}

function readBuckets(value: string): ReadonlyMap<string, readonly number[]> | undefined {
  const buckets = new Map<string, readonly number[]>([["default", DEFAULT_BUCKETS]]);
  for (const entry of value.split(";").filter((part) => part.trim())) {
    const [left, right] = entry.includes("=") ? entry.split("=", 2) : ["default", entry];
    const bounds =
      right
        ?.trim()
        .split(/\s+/)
        .map((bound) => (bound === "" ? NaN : Number(bound))) ?? [];
    const rising = bounds.every((bound, index) => Number.isFinite(bound) && (index === 0 || bound > (bounds[index - 1] ?? bound)));
    if (!left?.trim() || bounds.length === 0 || bounds.length > 100 || !rising) return undefined;
    buckets.set(left.trim(), bounds);
  }
  return buckets;
}
