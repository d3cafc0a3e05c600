import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { freePort } from "./replica.js";
import { LIMIT_MS } from "./wait.js";

export const hasPrometheus = spawnSync("prometheus", ["--version"]).status === 0;

/** One series of a query result. */
export interface Sample {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A Prometheus server for one test. */
export class Prometheus {
  private constructor(readonly url: string) {}

  /** @param config the text of its configuration file @param more additional arguments */
  static async start(config: string, more: readonly string[] = []): Promise<Prometheus> {
    const directory = mkdtempSync(join(tmpdir(), "octogauge-prometheus-"));
    writeFileSync(join(directory, "prometheus.yml"), config);
    const address = `127.0.0.1:${await freePort()}`;
    const child = spawn(
      "prometheus",
      [`--config.file=${directory}/prometheus.yml`, `--storage.tsdb.path=${directory}/data`, `--web.listen-address=${address}`, ...more],
      { stdio: ["ignore", "ignore", "pipe"] },
    );
    let output = "";
    child.stderr.on("data", (data: Buffer) => (output = (output + data.toString()).slice(-5_000)));
    onTestFinished(async () => {
      if (child.exitCode === null && child.signalCode === null) {
        const ended = once(child, "exit");
        child.kill("SIGKILL");
        await ended;
      }
      rmSync(directory, { recursive: true, force: true });
    });
    const prometheus = new Prometheus(`http://${address}`);
    for (const until = performance.now() + LIMIT_MS; !(await prometheus.#isReady());) {
      if (child.exitCode !== null || performance.now() > until) throw new Error(`Prometheus did not become ready: ${output}`);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return prometheus;
  }

  async query(expression: string): Promise<Sample[]> {
    const response = await fetch(`${this.url}/api/v1/query?${new URLSearchParams({ query: expression }).toString()}`);
    const answer = (await response.json()) as {
      status: string;
      error?: string;
      data: { result: { metric: Record<string, string>; value: [number, string] }[] };
    };
    if (answer.status !== "success") throw new Error(`${expression}: ${answer.error}`);
    return answer.data.result.map(({ metric, value }) => ({ metric, value: Number(value[1]) }));
  }

  /** The single value of the expression, or undefined if it has none. */
  async scalar(expression: string): Promise<number | undefined> {
    return (await this.query(expression))[0]?.value;
  }

  async #isReady(): Promise<boolean> {
    return fetch(`${this.url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }
}
