import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { type Access, ensureDatabase } from "./connection.js";
import type { Placement } from "./placement.js";
import { terminateServer } from "./processes.js";
import { postgresEnvironment, spawnIds } from "./run-as.js";
import { openServerLog } from "./safe-files.js";

const READY_POLL_MS = 50;
const READY_LIMIT_MS = 60_000;
/** Crash recovery may take long. A start that gives up would have to begin it again. */
const RECOVERY_LIMIT_MS = 600_000;
const STILL_RECOVERING = "57P03";
/** Part of the name of the socket. */
const PORT = 5_432;
const AUTHENTICATION_FAILED = new Set(["28P01", "28000"]);
/** Start failures that a retry may overcome. */
const RETRYABLE_FAILURE = /is still in use|lock file .* already exists/;

const DEFAULTS: Readonly<Record<string, string>> = {
  shared_buffers: "128MB",
  max_connections: "100",
  max_wal_size: "1GB",
  log_min_messages: "warning",
  timezone: "UTC",
};

/** A server that this process started. */
export interface ServerProcess {
  readonly port: number;
  /** Fulfilled when the server process has ended, for any reason. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** The server ended before it was ready. */
export class ServerEndedEarly extends Error {
  override readonly name = "ServerEndedEarly";

  /** Whether a retry may succeed. */
  get isRetryable(): boolean {
    return RETRYABLE_FAILURE.test(this.message);
  }
}

function settingArguments(settings: Readonly<Record<string, string>>, loopbackPort: number | undefined): string[] {
  // The last value of a setting wins. These always apply, so only the owner of the cluster directory can reach the socket.
  const fixed = {
    listen_addresses: loopbackPort === undefined ? "" : "127.0.0.1",
    unix_socket_directories: ".",
    port: String(loopbackPort ?? PORT),
  };
  const all = Object.entries({ ...DEFAULTS, ...settings, ...fixed });
  return all.flatMap(([name, value]) => ["-c", `${name}=${value}`]);
}

async function waitUntilReady(access: Access, hasEnded: () => boolean): Promise<void> {
  const begun = Date.now();
  while (!hasEnded()) {
    try {
      return await ensureDatabase(access);
    } catch (error) {
      const code = (error as { code?: string }).code ?? "";
      const limit = code === STILL_RECOVERING ? RECOVERY_LIMIT_MS : READY_LIMIT_MS;
      if (AUTHENTICATION_FAILED.has(code) || Date.now() - begun > limit) throw error;
    }
    await sleep(READY_POLL_MS);
  }
  throw new ServerEndedEarly("PostgreSQL ended while starting");
}

/**
 * Starts a server that listens in the cluster's directory, and waits until it answers: at most 60 s, or 10 min during
 * crash recovery.
 * @param directory a short path of the cluster
 * @param loopbackPort port of 127.0.0.1 on which it listens as well
 * @throws ServerEndedEarly or Error with the last lines of the log; the server is stopped then
 */
export async function startServer(
  dataDir: string,
  { cluster, runAs }: Placement,
  postgres: string,
  { directory, password }: { readonly directory: string; readonly password: string },
  settings: Readonly<Record<string, string>>,
  loopbackPort?: number,
): Promise<ServerProcess> {
  const port = loopbackPort ?? PORT;
  const serverLog = await openServerLog(dataDir);
  try {
    const child = spawn(postgres, ["-D", cluster, ...settingArguments(settings, loopbackPort)], {
      cwd: "/",
      env: postgresEnvironment(),
      // The server gets its own session, so that Ctrl+C at the terminal reaches Octogauge only.
      detached: true,
      stdio: ["ignore", serverLog.fd, serverLog.fd],
      ...spawnIds(runAs),
    });
    const ended = new Promise<void>((resolve) => child.once("exit", () => resolve()));
    await once(child, "spawn");
    child.unref();
    const pid = child.pid ?? 0;
    const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
    const stop = (): Promise<void> => terminateServer(pid, hasEnded);
    try {
      await waitUntilReady({ directory, port, password }, hasEnded);
    } catch (error) {
      await stop();
      const message = `PostgreSQL did not start: ${(error as Error).message}; the end of ${serverLog.path}:\n${await serverLog.tail()}`;
      if (error instanceof ServerEndedEarly) throw new ServerEndedEarly(message, { cause: error });
      throw new Error(message, { cause: error });
    }
    return { port, ended, stop };
  } finally {
    await serverLog.close();
  }
}
