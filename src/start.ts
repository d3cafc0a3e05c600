import "reflect-metadata";
import { type INestApplication, Logger } from "@nestjs/common";
import { NestFactory } from "@nestjs/core";
import type { NestExpressApplication } from "@nestjs/platform-express";
import helmet from "helmet";
import { setTimeout as sleep } from "node:timers/promises";
import { AppModule } from "./app.module.js";
import type { Children } from "./cluster/children.js";
import type { Config } from "./config/index.js";
import { Database, SchemaGate } from "./database/index.js";
import { Readiness } from "./health/readiness.js";
import { tuneHeap } from "./heap.js";
import { OctogaugeLogger } from "./logging/octogauge-logger.js";
import { hostCheck } from "./management/host-check.js";
import { ProblemFilter } from "./management/problem.filter.js";
import { during } from "./stage.js";

/** A running Octogauge. */
export interface Running {
  /** Empty in a child of a cluster. */
  readonly managementUrl: string;
  /** undefined in a worker. */
  readonly webhookUrl: string | undefined;
  /** Graceful shutdown: no new work, then the work in progress ends, then the pool closes. */
  stop(): Promise<void>;
}

/** The role of a process in a cluster. By default there is no cluster. */
export interface ProcessRole {
  /** Set in the primary, which has only the management listener. */
  readonly children?: Children;
  /** A child has no management listener. */
  readonly isChild?: boolean;
  /** Aborts a start that waits. */
  readonly signal?: AbortSignal;
}

/**
 * Starts the application. `config` contains the address of the database.
 * @throws where a port is in use, or the database is unreachable and there is no buffer
 */
export async function start(config: Config, role: ProcessRole = {}): Promise<Running> {
  tuneHeap();
  const application = await NestFactory.create<NestExpressApplication>(await AppModule.for(config, role.children), {
    logger: new OctogaugeLogger(config),
    abortOnError: false,
    bodyParser: false,
    forceCloseConnections: true,
  });
  let listening = false;
  application.disable("x-powered-by");
  application.use(hostCheck(config.MANAGEMENT_ALLOWED_HOSTS));
  application.use(helmet());
  application.useGlobalFilters(new ProblemFilter());
  const stop = async () => {
    application.get(Readiness, { strict: false }).startDraining();
    if (listening) await sleep(config.SHUTDOWN_DELAY * 1_000);
    await role.children?.stop();
    await application.close();
  };
  const begin = async (): Promise<Running> => {
    // With a buffer, a gateway accepts deliveries while the database is not available, also at start.
    const isBuffered = config.BUFFER !== "none" && config.MODE !== "worker";
    if (!isBuffered) await during("database", () => application.get(Database).connect());
    if (role.isChild) await application.init();
    else await during("management listener", () => application.listen(config.MANAGEMENT_PORT, config.MANAGEMENT_HOST));
    const gate = application.get(SchemaGate);
    const passing = isBuffered ? Promise.race([gate.passInTheEnd(), sleep(config.BUFFER_AFTER * 1_000)]) : gate.pass();
    await during("schema", () => passing);
    role.signal?.throwIfAborted();
    const listener = config.MODE === "worker" || role.children ? undefined : await publicListenerOf(application);
    await during("public listener", async () => listener?.listen());
    listening = listener !== undefined;
    application.get(Readiness, { strict: false }).startServing();
    const webhookUrl = role.children ? await role.children.start() : listener?.url;
    const managementUrl = role.isChild ? "" : await urlOf(application);
    if (!role.isChild) new Logger("main").log(`metrics at ${managementUrl}/metrics, health at ${managementUrl}/health`);
    return { managementUrl, webhookUrl, stop };
  };
  try {
    return await (role.signal ? Promise.race([begin(), aborted(role.signal)]) : begin());
  } catch (error) {
    await stop().catch(() => undefined);
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const end = () => reject(new Error("a signal aborted the start"));
    if (signal.aborted) end();
    signal.addEventListener("abort", end, { once: true });
  });
}

async function publicListenerOf(application: INestApplication) {
  const { PublicListener } = await import("./ingest/public-listener.js");
  return application.get(PublicListener, { strict: false });
}

async function urlOf(application: INestApplication): Promise<string> {
  const url = new URL(await application.getUrl());
  if (url.hostname === "[::1]" || url.hostname === "0.0.0.0") url.hostname = "localhost";
  return url.origin;
}
