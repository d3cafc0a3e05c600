import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { freePort } from "./replica.js";
import { LIMIT_MS } from "./wait.js";

// Debian installs daemons in a directory that is not on an ordinary user's PATH.
const env = { ...process.env, PATH: `${process.env["PATH"]}:/usr/sbin` };

export const isInstalled = (program: string): boolean => spawnSync(program, ["--version"], { env }).status === 0;

/** A server for one test on a free port and in its own directory. It keeps both over a kill and restart. */
export class ServerProcess {
  #child: ChildProcess | undefined;
  #output = "";

  private constructor(
    private readonly program: string,
    private readonly argumentsFor: (port: number, directory: string) => readonly string[],
    readonly port: number,
    readonly directory: string,
  ) {}

  static async prepare(program: string, argumentsFor: (port: number, directory: string) => readonly string[]): Promise<ServerProcess> {
    const server = new ServerProcess(program, argumentsFor, await freePort(), mkdtempSync(join(tmpdir(), `octogauge-${program}-`)));
    onTestFinished(async () => {
      await server.kill();
      rmSync(server.directory, { recursive: true, force: true });
    });
    return server;
  }

  async start(): Promise<void> {
    const child = spawn(this.program, this.argumentsFor(this.port, this.directory), { env, stdio: ["ignore", "pipe", "pipe"] });
    this.#child = child;
    for (const stream of [child.stdout, child.stderr])
      stream?.on("data", (data: Buffer) => (this.#output = (this.#output + data).slice(-4_000)));
    for (const until = performance.now() + LIMIT_MS; !(await this.#listens());) {
      if (child.exitCode !== null || performance.now() > until) throw new Error(`${this.program} did not start: ${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }

  #listens(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(this.port, "127.0.0.1");
      const end = (listens: boolean) => {
        socket.destroy();
        resolve(listens);
      };
      socket.once("connect", () => end(true));
      socket.once("error", () => end(false));
    });
  }
}
