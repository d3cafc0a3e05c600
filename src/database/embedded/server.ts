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
/** Replaying the log of a crash takes as long as it takes; giving up would only repeat it. */
const RECOVERY_LIMIT_MS = 600_000;
const STILL_RECOVERING = "57P03";
/** In the name of the socket. */
const PORT = 5_432;
const AUTHENTICATION_FAILED = new Set(["28P01", "28000"]);
/** Reasons not to start that a later attempt may not meet. */
const PASSING_FAILURE = /is still in use|lock file .* already exists/;

const DEFAULTS: Readonly<Record<string, string>> = {
  shared_buffers: "128MB",
  max_connections: "100",
  max_wal_size: "1GB",
  log_min_messages: "warning",
  timezone: "UTC",
};

/** A server this process started. */
export interface ServerProcess {
  readonly port: number;
  /** Fulfilled when it has ended, for whatever reason. */
  readonly ended: Promise<void>;
  stop(): Promise<void>;
}

/** A server that ended before it was ready. */
export class ServerEndedEarly extends Error {
  override readonly name = "ServerEndedEarly";

  /** Whether another attempt may succeed. */
  get mayPass(): boolean {
    return PASSING_FAILURE.test(this.message);
  }
}

function settingArguments(settings: Readonly<Record<string, string>>, loopbackPort: number | undefined): string[] {
  // Last wins: whatever the settings say, the server is for the owner of the cluster's directory alone, where its socket is.
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
 * Starts a server that listens in the cluster's directory, and waits until it answers, at most 60 s, or 10 min
 * while it recovers from a crash.
 * @param directory the cluster's, by a short path
 * @param loopbackPort where it also listens on 127.0.0.1
 * @throws ServerEndedEarly or Error with the last lines of its log; none is left running.
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
      // A session of its own: Ctrl+C at the terminal must reach Octogauge alone.
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
