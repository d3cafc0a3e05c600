import { Logger } from "@nestjs/common";
import cluster from "node:cluster";
import { reportToPrimary } from "../cluster/child.js";
import { Children } from "../cluster/children.js";
import { type Config, misspelt, unusedProxy } from "../config/index.js";
import { logEntry } from "../logging/index.js";
import { type Running, start } from "../start.js";
import { explained } from "./explained.js";
import { type Prepared, prepare } from "./quick-start.js";

/** A started service. */
export interface Service {
  readonly running: Running;
  readonly prepared: Prepared;
  stop(): Promise<void>;
}

const print = (line: string) => console.error(line);

/** Starts Octogauge with the configured database or the embedded one. With WEB_CONCURRENCY above 1, it starts the primary of a cluster. */
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

/** `octogauge serve`: runs until a stop signal. */
export async function serve(config: Config): Promise<void> {
  keepRunning();
  if (cluster.isWorker) return serveAsChild(config);
  for (const line of [...misspelt(process.env), ...unusedProxy(process.env)]) print(line);
  const ending = new AbortController();
  const starting = startService(config, ending.signal);
  // Registered before the start ends, so that a signal during the start also stops the embedded database.
  stopOnSignals({ stop: () => stopped(starting, ending) }, config.DRAIN_TIMEOUT);
  const service = await starting.catch(unlessEnding(ending));
  if (service?.prepared.embedded) print(quickStartNotice(service));
}

/** A child of a cluster. The primary has prepared the database and the secret. */
async function serveAsChild(config: Config): Promise<void> {
  const ending = new AbortController();
  const starting = start(config, { isChild: true, signal: ending.signal });
  stopOnSignals({ stop: () => stopped(starting, ending) }, config.DRAIN_TIMEOUT, () => undefined);
  const running = await starting.catch(unlessEnding(ending, (error) => explained(error, config)));
  if (running) reportToPrimary(running.webhookUrl);
}

/** Aborts a start that waits for its database or schema. Stops a service that has started. */
async function stopped(starting: Promise<{ stop(): Promise<void> }>, ending: AbortController): Promise<void> {
  ending.abort();
  // An aborted start cleans up itself.
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
        `${config.WEB_CONCURRENCY} processes in a row ended before they were ready, or within seconds after that. Exiting with code 1; see the errors above`,
      );
      void embedded
        ?.stop()
        .catch(() => undefined)
        .finally(() => process.exit(1));
      if (!embedded) process.exit(1);
    },
  });
}

/** Under npm, one Ctrl+C sends the same signal twice. A second signal within this time is ignored. */
const DUPLICATE_SIGNAL_MS = 1_000;

/** The first signal starts a graceful shutdown of at most `drainSeconds`. A second one ends the process at once. */
export function stopOnSignals(service: Pick<Service, "stop">, drainSeconds: number, notify: (line: string) => void = print): void {
  let stoppingSinceMs: number | undefined;
  const onSignal = (signal: NodeJS.Signals) => {
    if (stoppingSinceMs !== undefined) {
      if (performance.now() - stoppingSinceMs > DUPLICATE_SIGNAL_MS) process.exit(130);
      return;
    }
    stoppingSinceMs = performance.now();
    notify(`${signal}: finishing the work in progress, at most ${drainSeconds} s; a second signal stops at once`);
    setTimeout(() => {
      print(
        `the shutdown did not finish within ${drainSeconds} s. Acknowledged deliveries are stored; redeliver the others, because GitHub does not retry`,
      );
      process.exit(1);
    }, drainSeconds * 1_000).unref();
    service.stop().then(
      () => process.exit(0),
      (error: unknown) => {
        print(`the shutdown failed: ${String(error)}`);
        process.exit(1);
      },
    );
  };
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, onSignal);
}

/** Logs an unhandled rejection, which is a bug, instead of ending the process. */
function keepRunning(): void {
  const logger = new Logger("main");
  process.on("unhandledRejection", (error) => logger.error(logEntry(`unhandled rejection: ${String(error)}`, { error })));
}

function quickStartNotice({ running, prepared }: Service): string {
  const lines = [
    "",
    "Octogauge runs on its embedded PostgreSQL, which is for evaluation and small single-machine use. Set DATABASE_URL for production.",
    running.webhookUrl ? `  webhook   ${running.webhookUrl}` : "",
    prepared.generatedSecret ? `  secret    ${prepared.generatedSecret}   (generated; set GITHUB_WEBHOOK_SECRET to use your own)` : "",
    `  metrics   ${running.managementUrl}/metrics`,
    `  health    ${running.managementUrl}/health`,
    "To send simulated traffic from another terminal: npm run octogauge -- simulate --help",
    "",
  ];
  return lines.filter((line, index) => line !== "" || index === 0 || index === lines.length - 1).join("\n");
}
