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
const DAY = 86_400;

/** 1 s to 6 h: from a lint job to the longest hosted job GitHub allows. */
export const DEFAULT_BUCKETS: readonly number[] = [1, 5, 10, 30, 60, 120, 300, 600, 1_200, 1_800, 3_600, 7_200, 21_600];

type OtlpProtocol = "http/protobuf" | "http/json" | "grpc";

/** By the names that OpenTelemetry gives them. */
const SAMPLERS = [
  "always_on",
  "always_off",
  "traceidratio",
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
] as const;

/**
 * Every environment variable that Octogauge reads, with its parser, default and meaning.
 * docs/configuration.md is checked against this table by a test.
 */
export const variables = {
  MODE: choice("standalone", ["standalone", "gateway", "worker"]).describe(
    "`gateway` takes deliveries in, `worker` processes them, `standalone` does both",
  ),
  WEB_CONCURRENCY: text(1, readConcurrency, "a whole number from 1 to 256, or auto (as many as the machine has cores)").describe(
    "processes on this machine behind one port; the management port is the primary's. Each has its own DATABASE_POOL_SIZE and WORKER_CONCURRENCY",
  ),
  HOST: text("0.0.0.0", (value) => value, "an address to listen on").describe("address of the public listener"),
  PORT: port(8080).describe("port of the public listener: `POST /webhook` and nothing else"),
  WEBHOOK_PATH: text("/webhook", readPath, "a path such as /github/webhook, without query").describe(
    "path that takes deliveries; one `/` at its end makes no difference. For a proxy that passes on a prefix",
  ),
  KEEP_ALIVE_TIMEOUT: duration(75, 1, 7_200).describe(
    "how long the public listener keeps an idle connection; longer than the load balancer does, see [Behind a proxy](behind-a-proxy.md)",
  ),
  MANAGEMENT_HOST: text("0.0.0.0", (value) => value, "an address to listen on").describe("address of the management listener"),
  MANAGEMENT_ALLOWED_HOSTS: list().describe(
    "names in the `Host` header that the management listener answers to, beside addresses and names that only exist inside (without a dot, `.svc`, `.cluster.local`, `.local`, `.localhost`, `.internal`); globs such as `*.corp.example`, `*` for all. Others get 421",
  ),
  MANAGEMENT_PORT: port(8081).describe("port of `/metrics`, `/metrics/process` and `/health*`; keep it inside"),

  GITHUB_WEBHOOK_SECRET: list().describe(
    "secret of the webhook; several, parted by commas, while you rotate. Without one only the embedded quick start runs, with a generated secret",
  ),
  GITHUB_API_URL: url("https://api.github.com", "http:", "https:").describe(
    "where GitHub's REST API is; for GitHub Enterprise Server `https://HOSTNAME/api/v3`",
  ),
  GITHUB_APP_ID: text<number | undefined>(
    undefined,
    (value) => (/^[1-9]\d{0,14}$/.test(value) ? Number(value) : undefined),
    "the App's id, a whole number (not its client id)",
  ).describe("GitHub App that repairs what GitHub lost, with GITHUB_APP_PRIVATE_KEY; see [Repair](repair.md)"),
  GITHUB_APP_PRIVATE_KEY: text<string | undefined>(
    undefined,
    readPrivateKey,
    "an RSA private key in PEM, as GitHub gives it, or that in base64 (line ends may be written \\n)",
  ).describe("the App's private key"),
  // It goes into a header; of what does not fit there, the error would quote it.
  GITHUB_TOKEN: text<string | undefined>(
    undefined,
    (value) => (/^[\x21-\x7e]+$/.test(value) ? value : undefined),
    "a token: one word",
  ).describe("instead of an App: a personal access token"),
  GITHUB_HOOKS: text<readonly Hook[]>([], readHooks, HOOK_FORMS).describe(
    "the webhooks that point here, whose delivery logs are audited, parted by commas: `app`, `org:<org>:<hook id>`, `repo:<owner>/<name>:<hook id>`",
  ),
  AUDIT_INTERVAL: duration(300, 0.05).describe("how often the delivery log of each hook is read"),
  AUDIT_SETTLE: duration(30, 0).describe("deliveries that are younger are left for the next audit: they may be under way"),
  AUDIT_WINDOW: duration(3 * DAY, 60).describe(
    "how long GitHub redelivers: 3 days, GitHub Enterprise Server 7; a day less than DEDUP_RETENTION",
  ),
  REDELIVERY: choice("on", ["on", "off"]).describe("whether missed deliveries are asked for again; `off` only counts them"),
  REDELIVERY_BACKOFF: duration(60, 0.05).describe(
    "how long a redelivery may take before it is asked for again; four times as long after each one, at most 6 h",
  ),
  GITHUB_WRITE_INTERVAL: duration(1, 0.001).describe("least time between two writes to GitHub's API, of all replicas together"),
  RECONCILE_AFTER: duration(1_800, 0.05).describe(
    "a run or job that is open and was not heard of for so long is looked up at GitHub, and again after as long",
  ),
  RECONCILE_BUDGET: whole(50, 1, 100).describe("per cent of GitHub's hourly rate limit that these look-ups may use"),

  METRICS_TOKEN: optional().describe("bearer token that `/metrics*` asks for; none by default"),

  DATABASE_URL: text<string | undefined>(undefined, (value) => (readDatabaseUrl(value), value), "a URL as psql takes it").describe(
    "PostgreSQL 14 or newer, as a URL that psql takes; see [Your PostgreSQL](your-postgresql.md). Without it Octogauge starts a PostgreSQL of its own, for trying out and small single-machine use",
  ),
  DATABASE_POOL_SIZE: whole(10, 2, 500).describe(
    "most connections of this process; at least two more than WORKER_CONCURRENCY, unless it is a `gateway`",
  ),
  DATABASE_CONNECT_TIMEOUT: duration(10, 0.1).describe("how long the start waits for an unreachable database before it gives up"),
  DATA_DIR: text(".octogauge", (value) => value, "a directory").describe("where the embedded PostgreSQL and the generated secret live"),
  MIGRATIONS: choice("run", ["run", "wait"]).describe(
    "`run` migrates at start, `wait` waits until somebody else has (`octogauge migrate`)",
  ),

  BUFFER: choice("none", ["none", "nats", "redis"]).describe(
    "where deliveries are kept while PostgreSQL refuses them or is slow: NATS JetStream or a Redis Stream; see [Buffer](buffer.md)",
  ),
  BUFFER_AFTER: duration(1, 0.01).describe(
    "how long PostgreSQL may take for a delivery before it goes to the buffer; less than REQUEST_TIMEOUT",
  ),
  BUFFER_STREAM: text(
    "octogauge",
    (value) => (/^[\w-]{1,64}$/.test(value) ? value : undefined),
    "letters, digits, _ and -, at most 64",
  ).describe("name of the stream in NATS, and of the keys in Redis"),
  NATS_URL: text<readonly string[]>([], readNatsUrls, "URLs that begin with nats:// or tls://, parted by commas").describe(
    "the NATS servers for `BUFFER=nats`, of one cluster, with user and password or token",
  ),
  NATS_REPLICAS: whole(1, 1, 5).describe(
    "on how many servers of the cluster JetStream keeps each delivery; counts when the stream is made",
  ),
  REDIS_URL: text<string | undefined>(
    undefined,
    readRedisUrl,
    "a URL that begins with redis:// or rediss://; its path, if any, is the number of a database",
  ).describe("the Redis for `BUFFER=redis`, with user and password"),

  MAX_BODY_BYTES: whole(25 * MEBIBYTE, 1_024, 256 * MEBIBYTE).describe("largest body; GitHub sends at most 25 MB"),
  MAX_INFLIGHT_BYTES: whole(128 * MEBIBYTE, 65_536, 4_096 * MEBIBYTE).describe("bytes of bodies held at once; beyond it 503"),
  MAX_INFLIGHT_REQUESTS: whole(2_000, 1, 100_000).describe("requests held at once; beyond it 503"),
  REQUEST_TIMEOUT: duration(7.5, 0.1, 9).describe("every delivery is answered within this time; GitHub gives up at 10 s"),
  BODY_MIN_RATE: whole(8_192, 0, MEBIBYTE).describe(
    "bytes a second that a body has to bring while it is read, in every 2 s; a slower one gets 408 and is disconnected. 0 waits for any",
  ),
  WEBHOOK_ALLOW: text<Networks>(new Networks([]), readNetworks, NETWORK_FORMS).describe(
    "networks that deliveries are taken from; others get 403. GitHub lists its own under `hooks` of https://api.github.com/meta. Empty: all",
  ),
  TRUSTED_PROXIES: text<Networks>(new Networks([]), readNetworks, NETWORK_FORMS).describe(
    "networks of the proxies in front, whose `X-Forwarded-For` is believed for WEBHOOK_ALLOW; it is ignored from all others",
  ),
  FLUSH_SIZE: whole(2_000, 1, 10_000).describe("most deliveries in one commit of the inbox"),

  PRIORITIES: text<Priorities>(readPriorities(DEFAULT_PRIORITIES)!, readPriorities, PRIORITY_FORMS).describe(
    "lanes of the inbox by event, or by event and action (`workflow_job.completed=1`); 0 is emptied first, but every tenth batch begins with the others.",
  ),
  FAIR_SHARE: whole(20, 0, 1_000_000).describe(
    "deliveries a second of one repository that wait in their place, with bursts of ten times as many; what it sends beyond waits behind all others'. By each process that takes deliveries in; 0 turns it off",
  ),
  RATE_LIMITS: text<RateLimitSettings>(NO_LIMITS, readRateLimits, RATE_LIMIT_FORMS).describe(
    "most deliveries a second that are processed of an owner or a repository, over all workers, such as `*/*=20,acme=50,acme/monorepo=10`; what is beyond is put off, and nobody else's. Without one there is no limit",
  ),
  INGEST_RATE_LIMIT: whole(0, 0, 1_000_000).describe(
    "most deliveries a second of one owner (by the body) under one secret, with bursts of ten times as many, by each process that takes them in; beyond it 429, and GitHub does not try again. 0: no limit",
  ),
  BATCH_SIZE: whole(1_000, 1, 5_000).describe("most deliveries in one processing transaction"),
  WORKER_CONCURRENCY: whole(2, 1, 64).describe("processing loops in this process"),
  MAX_ATTEMPTS: whole(5, 1, 100).describe("attempts at a delivery that fails for its data, before it is a dead letter"),
  RETRY_BACKOFF: duration(1, 0.001).describe(
    "longest pause before the second attempt; doubled for each one after, at most 5 min, and jittered",
  ),
  PROCESSING_DEADLINE: duration(60, 0.5).describe(
    "a worker whose event loop stands still for longer is ended; what it was at is tried again by itself, delivery by delivery",
  ),
  POLL_INTERVAL: duration(0.2, 0.01).describe(
    "how long a worker rests that found nothing, or less than a tenth of `BATCH_SIZE`, before it looks again",
  ),
  READY_MAX_PENDING_AGE: duration(900, 1).describe("a `worker` is unready while its oldest pending delivery is older"),
  SHUTDOWN_DELAY: duration(0, 0).describe(
    "how long deliveries are still taken after the signal to stop, with readiness red, until the load balancer has noticed; less than DRAIN_TIMEOUT; not in a `worker`",
  ),
  DRAIN_TIMEOUT: duration(25, 0.1).describe("longest orderly stop"),

  DEDUP_RETENTION: duration(7 * DAY, 3 * DAY).describe("how long a delivery id is remembered; GitHub redelivers for 3 days"),
  STATE_RETENTION: duration(35 * DAY, 30 * DAY).describe(
    "how long finished runs and jobs are kept, so that what a re-run sends again (GitHub: within 30 days) is known; counters are not touched",
  ),
  DEAD_LETTERS_MAX_BYTES: whole(1_024 * MEBIBYTE, MEBIBYTE, 1_048_576 * MEBIBYTE).describe(
    "bytes of dead letters that are kept; beyond it the repository that has most of them loses its oldest",
  ),
  RETENTION_INTERVAL: duration(60, 0.05).describe("how often old rows are pruned"),
  LOST_CHECK_INTERVAL: duration(30, 0.05).describe("how often open rows are checked against GitHub's limits"),
  JOB_QUEUED_LIMIT: duration(2 * DAY, 1).describe("a job that waits longer is lost; GitHub: 24 h, self-hosted up to 48 h"),
  JOB_RUNNING_LIMIT: duration(5 * DAY, 1).describe("a job that runs longer is lost; GitHub: 6 h hosted, 5 days self-hosted"),
  RUN_LIMIT: duration(35 * DAY, 1).describe("a run that is open longer is lost; GitHub: 35 days"),

  BRANCH_LABEL: choice("class", ["class", "name", "off"]).describe("`branch` as class (default, tag, other), as full name, or empty"),
  LABEL_DENY: list().describe("label names that are left empty, such as `workflow,branch`"),
  LABEL_ALLOW: list().describe("if set, all other labels are left empty, `status` and `conclusion` excepted"),
  REPOSITORY_ALLOW: list().describe("globs of `owner/name`; if set, other repositories are counted in `github_events_total` only"),
  REPOSITORY_DENY: list().describe("globs of `owner/name` that are counted in `github_events_total` only"),
  MAX_SERIES_PER_METRIC: whole(10_000, 1, 1_000_000).describe(
    "label sets of one metric; new ones beyond it fold into `other`. One repository has at most as many as are still free, so half of them alone",
  ),
  HISTOGRAM_BUCKETS: text<ReadonlyMap<string, readonly number[]>>(
    new Map([["default", DEFAULT_BUCKETS]]),
    readBuckets,
    "rising numbers of seconds parted by spaces, for all (`1 60 3600`) or per metric (`github_workflow_job_queue_seconds=1 10 60; default=1 60 3600`)",
  ).describe("upper bounds of the histograms in seconds, for all or per metric"),
  COMPAT_METRICS: choice("none", ["none", "promgithub"]).describe("`promgithub` adds that exporter's metric names, for a migration"),

  CI_TRACES: choice("off", ["off", "on"]).describe(
    "whether finished runs are sent as traces to OTEL_EXPORTER_OTLP_ENDPOINT: run, jobs and steps; the same in all workers. See [Observability](observability.md)",
  ),
  CI_TRACES_SETTLE: duration(60, 0).describe("how long after the completion of a run its jobs may still come, before its trace is sent"),
  CI_TRACES_WAIT: duration(600, 0).describe("how long a trace waits at most for jobs that are known and have not completed"),
  CI_TRACES_RETENTION: duration(3 * DAY, 1).describe(
    "a trace that could not be sent for so long is dropped, and counted; a job whose run does not complete for so long is left out of its trace",
  ),

  OTEL_SDK_DISABLED: choice("false", ["false", "true"]).describe("`true` turns tracing off, whatever else is set"),
  OTEL_TRACES_EXPORTER: text<"none" | "otlp" | "console" | undefined>(
    undefined,
    (value) => (["none", "otlp", "console"] as const).find((candidate) => candidate === value),
    "none, otlp or console",
  ).describe("where traces of deliveries go; `otlp` once an endpoint is set, else `none`. See [Observability](observability.md)"),
  OTEL_EXPORTER_OTLP_ENDPOINT: optionalUrl("http:", "https:").describe(
    "where an OpenTelemetry collector takes OTLP; over HTTP `/v1/traces` is added",
  ),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: optionalUrl("http:", "https:").describe("the same for traces alone, as it stands"),
  OTEL_EXPORTER_OTLP_PROTOCOL: choice("http/protobuf", ["http/protobuf", "http/json", "grpc"]).describe("how OTLP is spoken"),
  OTEL_EXPORTER_OTLP_TRACES_PROTOCOL: text<OtlpProtocol | undefined>(
    undefined,
    (value) => (["http/protobuf", "http/json", "grpc"] as const).find((candidate) => candidate === value),
    "http/protobuf, http/json or grpc",
  ).describe("the same for traces alone"),
  OTEL_EXPORTER_OTLP_HEADERS: headers().describe("headers of every export, such as `authorization=Bearer%20…`, parted by commas"),
  OTEL_SERVICE_NAME: text("octogauge", (value) => value, "any text").describe("`service.name` of our own traces"),
  OTEL_RESOURCE_ATTRIBUTES: pairs().describe("more attributes of every span's resource, such as `deployment.environment.name=prod`"),
  TRUST_TRACEPARENT: choice("off", ["off", "on"]).describe(
    "whether a delivery goes on with the trace in its `traceparent` header, and with what that decided on sampling. The header is not signed: only `on` where a proxy of yours sets it and drops all others",
  ),
  OTEL_TRACES_SAMPLER: choice("parentbased_always_on", SAMPLERS).describe(
    "which deliveries are traced; what is decided when one comes holds for all its life",
  ),
  OTEL_TRACES_SAMPLER_ARG: text(1, readRatio, "a ratio from 0 to 1").describe("the ratio of `traceidratio` and `parentbased_traceidratio`"),
  OTEL_BSP_SCHEDULE_DELAY: whole(5_000, 1, 600_000).describe("milliseconds between two exports"),
  OTEL_BSP_EXPORT_TIMEOUT: whole(30_000, 1, 600_000).describe("milliseconds after which an export is given up"),
  OTEL_BSP_MAX_QUEUE_SIZE: whole(2_048, 1, 1_000_000).describe("spans that wait for their export; more are dropped"),
  OTEL_BSP_MAX_EXPORT_BATCH_SIZE: whole(512, 1, 1_000_000).describe("most spans in one export; at most OTEL_BSP_MAX_QUEUE_SIZE"),

  LOG_LEVEL: text<LogLevel>("info", readLevel, LEVEL_FORMS).describe("least level that is logged; see [Observability](observability.md)"),
  LOG_LEVELS: text<RoomLevels>(readRoomLevels("")!, readRoomLevels, ROOM_LEVEL_FORMS).describe(
    "the same for single rooms, such as `processing=debug,github=warn`",
  ),
  LOG_FORMAT: choice("auto", ["auto", "json", "pretty"]).describe("`auto`: pretty on a terminal, else JSON"),
  LOG_DELIVERIES: choice("off", ["off", "on"]).describe(
    "`on` logs each delivery at `info`: one line when it is answered, one when it is applied",
  ),
};

/** Never shown, neither in errors nor in `config check`. */
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

/** Whether it names a host, and credentials whose percent-encoding is right. */
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
