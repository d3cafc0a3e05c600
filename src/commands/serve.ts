import { Logger } from "@nestjs/common";
import cluster from "node:cluster";
import { reportToPrimary } from "../cluster/child.js";
import { Children } from "../cluster/children.js";
import { type Config, ConfigError } from "../config/config.js";
import { misspelt } from "../config/misspelt.js";
import { say as saying } from "../logging/fields.js";
import { type Running, start } from "../main.js";
import { type Prepared, prepare } from "./quick-start.js";

/** What a started service is told to end with. */
export interface Service {
  readonly running: Running;
  readonly prepared: Prepared;
  stop(): Promise<void>;
}

const say = (line: string) => console.error(line);

/** Starts Octogauge with whatever database the configuration names, or the embedded one; as the primary of a cluster where WEB_CONCURRENCY says so. */
export async function startService(config: Config): Promise<Service> {
  const prepared = await prepare(config, say);
  try {
    const running = await start(prepared.config, config.WEB_CONCURRENCY > 1 ? { children: childrenOf(prepared) } : {});
    const stop = async () => {
      await running.stop();
      await prepared.embedded?.stop();
    };
    return { running, prepared, stop };
  } catch (error) {
    await prepared.embedded?.stop();
    throw explained(error, config);
  }
}

/** `octogauge serve`: runs until it is told to stop. */
export async function serve(config: Config): Promise<void> {
  keepRunning();
  if (cluster.isWorker) return serveAsChild(config);
  for (const line of misspelt(process.env)) say(line);
  const starting = startService(config);
  // From the first moment on: a database that was started is stopped, too.
  stopOnSignals({ stop: async () => (await starting).stop() }, config.DRAIN_TIMEOUT);
  const service = await starting;
  if (service.prepared.embedded) say(quickStartNotice(service));
}

/** One of the processes of a cluster: the primary has prepared everything. */
async function serveAsChild(config: Config): Promise<void> {
  const starting = start(config, { isChild: true });
  stopOnSignals({ stop: async () => (await starting).stop() }, config.DRAIN_TIMEOUT, () => undefined);
  reportToPrimary((await starting).webhookUrl);
}

function childrenOf({ config, embedded, generatedSecret }: Prepared): Children {
  return new Children({
    count: config.WEB_CONCURRENCY,
    environment: {
      MODE: config.MODE,
      ...(embedded && config.DATABASE_URL ? { DATABASE_URL: config.DATABASE_URL } : {}),
      ...(generatedSecret ? { GITHUB_WEBHOOK_SECRET: generatedSecret } : {}),
    },
    onCrashLoop: () => {
      say(
        `${config.WEB_CONCURRENCY} processes in a row ended before they were ready, or within seconds of that: giving up, with exit code 1. The errors above say why`,
      );
      void embedded
        ?.stop()
        .catch(() => undefined)
        .finally(() => process.exit(1));
      if (!embedded) process.exit(1);
    },
  });
}

/** A terminal's Ctrl+C reaches npm and us, and npm passes it on: the same signal twice within milliseconds is one. Milliseconds. */
const ECHO_MS = 1_000;

/** The first signal stops in order, within `drainSeconds`; a second one stops hard. */
export function stopOnSignals(service: Pick<Service, "stop">, drainSeconds: number, tell: (line: string) => void = say): void {
  let stoppingSince: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince > ECHO_MS) process.exit(130);
      return;
    }
    stoppingSince = performance.now();
    tell(`${signal}: finishing what is under way, at most ${drainSeconds} s; a second signal stops at once`);
    setTimeout(() => {
      say(
        `not finished within ${drainSeconds} s; what was acknowledged is in the database; what was not has to be redelivered, since GitHub does not retry`,
      );
      process.exit(1);
    }, drainSeconds * 1_000).unref();
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        say(`the stop failed: ${String(error)}`);
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, onSignal);
}

/** A stray rejection is a defect to be read in the log, not a reason to stop counting. */
function keepRunning(): void {
  const logger = new Logger("main");
  process.on("unhandledRejection", (error) => logger.error(saying(`unhandled rejection: ${String(error)}`, { error })));
}

function quickStartNotice({ running, prepared }: Service): string {
  const lines = [
    "",
    "Octogauge runs on a PostgreSQL of its own: for trying out and small single-machine use. Set DATABASE_URL for anything more.",
    running.webhookUrl ? `  webhook   ${running.webhookUrl}` : "",
    prepared.generatedSecret ? `  secret    ${prepared.generatedSecret}   (generated; set GITHUB_WEBHOOK_SECRET to use your own)` : "",
    `  metrics   ${running.managementUrl}/metrics`,
    `  health    ${running.managementUrl}/health`,
    "Send it simulated traffic from another terminal: npm run octogauge -- simulate --help",
    "",
  ];
  return lines.filter((line, index) => line !== "" || index === 0 || index === lines.length - 1).join("\n");
}

/** Says which variable to look at where the start failed for a reason outside. */
function explained(error: unknown, config: Config): unknown {
  const code = (error as NodeJS.ErrnoException).code;
  if (code === "EADDRINUSE" || code === "EACCES") {
    const port = (error as { port?: number }).port;
    const name = port === config.PORT ? "PORT" : "MANAGEMENT_PORT";
    return new ConfigError([
      `${name} is "${port}", which ${code === "EACCES" ? "this user may not open" : "is taken by another process"}; allowed: a free port`,
    ]);
  }
  if (config.DATABASE_URL && isConnectionFailure(error))
    return new ConfigError([
      `DATABASE_URL cannot be reached (${reasonOf(error)}); allowed: the URL of a PostgreSQL that is up, with its user and password`,
    ]);
  return error;
}

function isConnectionFailure(error: unknown): boolean {
  const code = (error as { code?: string }).code ?? "";
  return /^(E[A-Z]+|28...|3D000|08...|57P0.|53300)$/.test(code) || /timeout|terminated/i.test(reasonOf(error));
}

function reasonOf(error: unknown): string {
  if (error instanceof AggregateError) return reasonOf(error.errors[0]);
  return error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error);
}
