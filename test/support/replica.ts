import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { testEnvironment } from "./octogauge.js";
import { childEnvironment } from "./environment.js";
import { LIMIT_MS } from "./wait.js";

const CLI = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));

/** A process of its own that serves, so that it can be killed. */
export class Replica {
  #child: ChildProcess | undefined;

  private constructor(
    private readonly environment: Record<string, string>,
    readonly webhook: string,
    readonly management: string,
  ) {}

  /** Starts one on free ports; it keeps them over restarts. */
  static async start(databaseUrl: string, overrides: Record<string, string> = {}): Promise<Replica> {
    const replica = await Replica.prepare(databaseUrl, overrides);
    await replica.start();
    return replica;
  }

  /** One that is yet to be started. */
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

  /** What a service manager does: starts it again whenever it has ended. */
  async restartIfEnded(): Promise<void> {
    const child = this.#child;
    if (child?.exitCode === null && child.signalCode === null) return;
    // It may end again before it is ready.
    await this.start().catch(() => undefined);
  }

  /** @returns the exit code, null where the signal ended it */
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
      // The management port is up before the migrations; the webhook answers once everything is.
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
  // Nobody may be at it yet to whom it was given.
  if (given.has(port)) return freePort();
  given.add(port);
  return port;
}

const given = new Set<number>();
