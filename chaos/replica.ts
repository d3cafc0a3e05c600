import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { atExit } from "./cleanup.js";
import { freePort, until } from "./waiting.js";

/** Path of the CLI: beside this file in the sources, one folder up in the build. */
const CLI = fileURLToPath(new URL(import.meta.url.includes("/dist/chaos/") ? "../src/cli.js" : "../dist/src/cli.js", import.meta.url));
const START_SECONDS = 40;
const LOG_CHARACTERS = 20_000;

export const SECRET = "a secret of the chaos";

/** `up` means from the first 405 of the public listener to the stop signal. */
export type State = "down" | "starting" | "up" | "stopping";

/** An Octogauge process, started like an installation. It keeps its ports over restarts. */
export class Replica {
  state: State = "down";
  /** Number of starts, to match a request with one of them. */
  incarnation = 0;
  /** Time of the latest start, by performance.now(). */
  startedAt = 0;
  readonly faults: string[] = [];
  #child: ChildProcess | undefined;
  #log = "";
  #peak = 0;

  private constructor(
    readonly index: number,
    readonly webhook: URL,
    readonly management: URL,
    private readonly environment: Readonly<Record<string, string>>,
  ) {}

  static async create(index: number, databaseUrl: string, overrides: Readonly<Record<string, string>> = {}): Promise<Replica> {
    const [port, management] = [await freePort(), await freePort()];
    return new Replica(index, new URL(`http://127.0.0.1:${port}/webhook`), new URL(`http://127.0.0.1:${management}/`), {
      DATABASE_URL: databaseUrl,
      GITHUB_WEBHOOK_SECRET: SECRET,
      HOST: "127.0.0.1",
      MANAGEMENT_HOST: "127.0.0.1",
      PORT: String(port),
      MANAGEMENT_PORT: String(management),
      LOG_LEVEL: "warn",
      LOG_FORMAT: "json",
      ...overrides,
    });
  }

  /** Starts the process and waits until it accepts deliveries. */
  async start(): Promise<void> {
    this.state = "starting";
    this.incarnation += 1;
    this.startedAt = performance.now();
    const child = spawn(process.execPath, [CLI, "serve"], {
      env: { PATH: process.env["PATH"], ...this.environment },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    const forget = atExit(() => child.kill("SIGKILL"));
    for (const stream of [child.stdout, child.stderr]) stream?.on("data", (data: Buffer) => this.#keep(data.toString()));
    child.once("exit", (code, signal) => {
      forget();
      if (this.#child !== child) return;
      if (this.state === "starting" || this.state === "up") this.faults.push(`${this.name} exited unexpectedly with ${signal ?? code}`);
      this.state = "down";
    });
    await until(`${this.name} accepts deliveries`, START_SECONDS, async () => {
      if (this.state !== "starting") throw new Error(`${this.name} did not start: ${this.#log}`);
      return fetch(this.webhook).then(
        (response) => response.status === 405,
        () => false,
      );
    });
    this.state = "up";
  }

  /** Stops the process with a signal. @returns the exit code (null if the signal killed it) and the seconds */
  async end(signal: NodeJS.Signals): Promise<{ code: number | null; seconds: number }> {
    const child = this.#child;
    if (!child || this.state === "down") return { code: child?.exitCode ?? null, seconds: 0 };
    this.peakMemory();
    this.state = "stopping";
    const began = performance.now();
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
    return { code: child.exitCode, seconds: (performance.now() - began) / 1_000 };
  }

  get name(): string {
    return `replica ${this.index}`;
  }

  get log(): string {
    return this.#log;
  }

  async text(path: string): Promise<string> {
    return (await fetch(new URL(path, this.management), { signal: AbortSignal.timeout(10_000) })).text();
  }

  /** Peak memory of its largest process, in MiB (proc(5), VmHWM). */
  peakMemory(): number {
    try {
      const status = readFileSync(`/proc/${this.#child?.pid}/status`, "utf8");
      this.#peak = Math.max(this.#peak, Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1_024);
    } catch {
      // The process has exited.
    }
    return this.#peak;
  }

  #keep(text: string): void {
    this.#log = (this.#log + text).slice(-LOG_CHARACTERS);
    const stray = /unhandled rejection[^\n]*/.exec(text);
    if (stray) this.faults.push(`${this.name}: ${stray[0]}`);
  }
}
