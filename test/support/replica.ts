import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { testEnvironment } from "./octogauge.js";
import { childEnvironment } from "./environment.js";
import { LIMIT_MS } from "./wait.js";

const CLI = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));

/** A replica in its own process, so that a test can kill it. */
export class Replica {
  #child: ChildProcess | undefined;

  private constructor(
    private readonly environment: Record<string, string>,
    readonly webhook: string,
    readonly management: string,
  ) {}

  /** Starts a replica on free ports, which it keeps over restarts. */
  static async start(databaseUrl: string, overrides: Record<string, string> = {}): Promise<Replica> {
    const replica = await Replica.prepare(databaseUrl, overrides);
    await replica.start();
    return replica;
  }

  /** A replica that is not started yet. */
  static async prepare(databaseUrl: string, overrides: Record<string, string> = {}): Promise<Replica> {
    const [port, managementPort] = [await freePort(), await freePort()];
    const environment = testEnvironment(databaseUrl, {
      PORT: String(port),
      MANAGEMENT_PORT: String(managementPort),
      LOG_LEVEL: "error",
      ...overrides,
    });
    const replica = new Replica(environment, `http://127.0.0.1:${port}/webhook`, `http://127.0.0.1:${managementPort}`);
    onTestFinished(async () => void (await replica.kill("SIGKILL")));
    return replica;
  }

  async start(): Promise<void> {
    const child = spawn(process.execPath, [CLI, "serve"], {
      env: childEnvironment(this.environment),
      stdio: ["ignore", "inherit", "inherit"],
    });
    this.#child = child;
    const until = performance.now() + LIMIT_MS;
    while (!(await this.#isReady())) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > until)
        throw new Error(`the replica did not become ready (exit code ${child.exitCode})`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Restarts the process whenever it has ended, as a service manager does. */
  async restartIfEnded(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode === null && child.signalCode === null) return;
    // The process may end again before it is ready.
    await this.start().catch(() => undefined);
  }

  /** @returns the exit code, or null if a signal ended it */
  async kill(signal: NodeJS.Signals): Promise<number | null> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return child?.exitCode ?? null;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    return child.exitCode;
  }

  async metrics(): Promise<string> {
    return (await fetch(`${this.management}/metrics`)).text();
  }

  async #isReady(): Promise<boolean> {
    try {
      // The management port is open before the migrations. The webhook answers once all rooms are ready.
      if (this.environment["MODE"] === "worker") return (await fetch(`${this.management}/health/ready`)).ok;
      return (await fetch(this.webhook)).status === 405;
    } catch {
      return false;
    }
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  // A port that was given out earlier may not be in use yet.
  if (given.has(port)) return freePort();
  given.add(port);
  return port;
}

const given = new Set<number>();
