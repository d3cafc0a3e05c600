import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { LoadOptions, LoadResult } from "./load.js";

/** Runs a server of the benchmark in a child process, whose first line of output is `{"port":…}`. */
export class BenchChild {
  private constructor(
    private readonly child: ChildProcess,
    /** The first line of output. */
    readonly ready: Readonly<Record<string, number>>,
  ) {}

  /** @param script beside this file, such as `servers/gateway.js` */
  static async start(script: string, environment: Record<string, string>): Promise<BenchChild> {
    const child = spawn(process.execPath, [fileURLToPath(new URL(script, import.meta.url))], {
      env: { ...process.env, ...environment },
      stdio: ["ignore", "pipe", "inherit"],
    });
    const [line] = (await Promise.race([
      once(child.stdout!, "data"),
      once(child, "exit").then(() => Promise.reject(new Error(`${script} ended early`))),
    ])) as [Buffer];
    return new BenchChild(child, JSON.parse(line.toString().split("\n")[0]!) as Record<string, number>);
  }

  /** CPU seconds used so far (proc(5)); NaN if /proc does not exist. */
  cpuSeconds(): number {
    const stat = readFileSync(`/proc/${this.child.pid}/stat`, "utf8").split(") ")[1]?.split(" ");
    return (Number(stat?.[11]) + Number(stat?.[12])) / 100;
  }

  /** Peak memory in MiB (VmHWM). */
  peakMemory(): number {
    return Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${this.child.pid}/status`, "utf8"))?.[1]) / 1_024;
  }

  async stop(): Promise<void> {
    const ended = once(this.child, "exit");
    this.child.kill("SIGKILL");
    await ended;
  }
}

/** Runs the load in a child process. */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const child = spawn(process.execPath, [fileURLToPath(new URL("load.js", import.meta.url)), JSON.stringify(options)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let text = "";
  child.stdout.on("data", (data: Buffer) => (text += data.toString()));
  await once(child, "exit");
  return JSON.parse(text) as LoadResult;
}
