import { Logger } from "@nestjs/common";
import cluster from "node:cluster";
import { reportToPrimary } from "../cluster/child.js";
import { Children } from "../cluster/children.js";
import { type Config, misspelt, unusedProxy } from "../config/index.js";
import { logEntry } from "../logging/index.js";
import { type Running, start } from "../start.js";
import { explained } from "./explained.js";
import { type Prepared, prepare } from "./quick-start.js";

/** What a started service is told to end with. */
export interface Service {
  readonly running: Running;
  readonly prepared: Prepared;
  stop(): Promise<void>;
}

const print = (line: string) => console.error(line);

/** Starts Octogauge with whatever database the configuration names, or the embedded one; as the primary of a cluster where WEB_CONCURRENCY says so. */
export async function startService(config: Config, signal?: AbortSignal): Promise<Service> {
  const prepared = await prepare(config, print);
  try {
    const role = config.WEB_CONCURRENCY > 1 ? { children: childrenOf(prepared) } : {};
    const running = await start(prepared.config, { ...role, ...(signal ? { signal } : {}) });
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
  for (const line of [...misspelt(process.env), ...unusedProxy(process.env)]) print(line);
  const ending = new AbortController();
  const starting = startService(config, ending.signal);
  // From the first moment on: a database that was started is stopped, too.
  stopOnSignals({ stop: () => stopped(starting, ending) }, config.DRAIN_TIMEOUT);
  const service = await starting.catch(unlessEnding(ending));
  if (service?.prepared.embedded) print(quickStartNotice(service));
}

/** One of the processes of a cluster: the primary has prepared everything. */
async function serveAsChild(config: Config): Promise<void> {
  const ending = new AbortController();
  const starting = start(config, { isChild: true, signal: ending.signal });
  stopOnSignals({ stop: () => stopped(starting, ending) }, config.DRAIN_TIMEOUT, () => undefined);
  const running = await starting.catch(unlessEnding(ending, (error) => explained(error, config)));
  if (running) reportToPrimary(running.webhookUrl);
}

/** Stops what has started, and ends a start that waits: for its database, for its schema. */
async function stopped(starting: Promise<{ stop(): Promise<void> }>, ending: AbortController): Promise<void> {
  ending.abort();
  // A start that was ended has cleaned up.
  await (await starting.catch(() => undefined))?.stop();
}

const unlessEnding =
  ({ signal }: AbortController, explain: (error: unknown) => unknown = (error) => error) =>
  (error: unknown): undefined => {
    if (!signal.aborted) throw explain(error);
  };

function childrenOf({ config, embedded, generatedSecret }: Prepared): Children {
  return new Children({
    count: config.WEB_CONCURRENCY,
    environment: {
      MODE: config.MODE,
      ...(embedded && config.DATABASE_URL ? { DATABASE_URL: config.DATABASE_URL } : {}),
      ...(generatedSecret ? { GITHUB_WEBHOOK_SECRET: generatedSecret } : {}),
    },
    onCrashLoop: () => {
      print(
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
export function stopOnSignals(service: Pick<Service, "stop">, drainSeconds: number, tell: (line: string) => void = print): void {
  let stoppingSince: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stoppingSince !== undefined) {
      if (performance.now() - stoppingSince > ECHO_MS) process.exit(130);
      return;
    }
    stoppingSince = performance.now();
    tell(`${signal}: finishing what is under way, at most ${drainSeconds} s; a second signal stops at once`);
    setTimeout(() => {
      print(
        `not finished within ${drainSeconds} s; what was acknowledged is in the database; what was not has to be redelivered, since GitHub does not retry`,
      );
      process.exit(1);
    }, drainSeconds * 1_000).unref();
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        print(`the stop failed: ${String(error)}`);
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, onSignal);
}

/** A stray rejection is a defect to be read in the log, not a reason to stop counting. */
function keepRunning(): void {
  const logger = new Logger("main");
  process.on("unhandledRejection", (error) => logger.error(logEntry(`unhandled rejection: ${String(error)}`, { error })));
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
