import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { ConfigError, loadConfig } from "../../src/config/config.js";
import { parseExposition } from "../../src/simulator/compare.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { post, SECRET, testEnvironment } from "../support/octogauge.js";
import { freePort } from "../support/replica.js";
import { isFullSize } from "../support/size.js";
import { expectMetrics, simulate } from "../support/simulation.js";
import { childEnvironment } from "../support/environment.js";
import { until } from "../support/wait.js";

const CLI = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));

/** By the primary's clock, a child that ends before this time is a fast crash. */
const FAST_MS = 5_000;
/** Factor by which the primary's clock is faster, so that a quarter of a second is a long life. */
const PACE = 20;
const LONG_LIFE_MS = (1.1 * FAST_MS) / PACE;
const preload = (source: string) => `--import=data:text/javascript,${encodeURIComponent(`import cluster from "node:cluster";${source}`)}`;
const QUICK_CLOCK = preload(`if(cluster.isPrimary){const now=performance.now.bind(performance);performance.now=()=>now()*${PACE}}`);
/** Delays the start of each child for longer than a fast crash. */
const SLOW_CHILD = preload(`if(cluster.isWorker)await new Promise(r=>setTimeout(r,${LONG_LIFE_MS}))`);

/** `octogauge serve` in its own process group, with its output. */
async function serve(overrides: Record<string, string>) {
  const url = await freshDatabase();
  const [port, managementPort] = [await freePort(), await freePort()];
  const environment = testEnvironment(url, {
    PORT: String(port),
    MANAGEMENT_PORT: String(managementPort),
    LOG_LEVEL: "error",
    ...overrides,
  });
  const primary = spawn(process.execPath, [CLI, "serve"], { env: childEnvironment(environment), detached: true });
  let output = "";
  for (const stream of [primary.stdout, primary.stderr]) stream.on("data", (text) => (output += text));
  onTestFinished(() => {
    try {
      process.kill(-primary.pid!, "SIGKILL");
    } catch {
      // The process group has ended.
    }
  });
  const management = `http://127.0.0.1:${managementPort}`;
  const webhook = `http://127.0.0.1:${port}/webhook`;
  return { url, primary, management, webhook, output: () => output, children: () => childrenOf(primary) };
}

const childrenOf = ({ pid }: ChildProcess): number[] =>
  execFileSync("ps", ["--ppid", String(pid), "-o", "pid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes("serve"))
    .map((line) => Number(line.trim().split(" ")[0]));

interface Readiness {
  readonly ok: boolean;
  /** Number of processes that are working. */
  readonly ready: number;
}

const ready = async (management: string): Promise<Readiness> => {
  try {
    const answer = await fetch(`${management}/health/ready`);
    const { details } = (await answer.json()) as { details: { processes: { ready: number } } };
    return { ok: answer.ok, ready: details.processes.ready };
  } catch {
    return { ok: false, ready: 0 };
  }
};

const allThere = (cluster: Awaited<ReturnType<typeof serve>>, count: number) =>
  until(`${count} processes`, async () => (await ready(cluster.management)).ready === count);

const total = async (management: string, name: string): Promise<number> => {
  const text = await (await fetch(`${management}/metrics/process`)).text();
  return [...parseExposition(text)].filter(([series]) => series.startsWith(name)).reduce((sum, [, value]) => sum + value, 0);
};

const isGone = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};

const ACCEPTED = 'octogauge_deliveries_total{outcome="accepted"';

describe("WEB_CONCURRENCY", () => {
  it("processes share the port, metrics survive a killed process, and the management port covers all processes", async () => {
    const cluster = await serve({ WEB_CONCURRENCY: "3" });
    await allThere(cluster, 3);
    expect(cluster.children()).toHaveLength(3);
    const replica = { webhook: cluster.webhook, management: cluster.management } as never;
    const { expectation, summary } = await simulate([replica], 71, 1_500);
    await expectMetrics([replica], expectation);
    expect(await total(cluster.management, "octogauge_deliveries_total")).toBe(summary.accepted + summary.duplicates);
    const text = await (await fetch(`${cluster.management}/metrics/process`)).text();
    // Metrics that must not be summed stay as they are.
    expect(text).toMatch(/^octogauge_build_info\{[^}]*\} 1$/m);
    const open = await fetch(`${cluster.management}/metrics/process`, { headers: { accept: "application/openmetrics-text" } });
    expect(open.headers.get("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    const openMetrics = await open.text();
    expect(openMetrics).toContain(`\n${ACCEPTED}} ${await total(cluster.management, ACCEPTED)}\n`);
    expect(openMetrics).toContain("# TYPE octogauge_deliveries counter\n");
    expect(openMetrics.endsWith("# EOF\n")).toBe(true);
    expect((await fetch(`${cluster.webhook}`)).status).toBe(405);

    // A killed process is replaced, and its counts remain.
    const counted = await total(cluster.management, "octogauge_deliveries_total");
    const [first] = cluster.children();
    process.kill(first!, "SIGKILL");
    await until("a new one", () => cluster.children().length === 3 && !cluster.children().includes(first!));
    await allThere(cluster, 3);
    expect(await total(cluster.management, "octogauge_deliveries_total")).toBe(counted);
    for (let sent = 0; sent < 10; sent += 1) expect((await post(cluster.webhook, "star", {})).status).toBe(202);
    expect(await total(cluster.management, "octogauge_deliveries_total")).toBe(counted + 10);
    expect(cluster.output()).toContain("ended (SIGKILL)");
  });

  it("children that end before they are ready are fast crashes, however long they lived", async () => {
    // The primary does not bind the public port, and its children cannot bind this address.
    const cluster = await serve({ WEB_CONCURRENCY: "2", HOST: "203.0.113.1", NODE_OPTIONS: `${QUICK_CLOCK} ${SLOW_CHILD}` });
    const [code] = (await once(cluster.primary, "exit")) as [number];
    expect(code).toBe(1);
    expect(cluster.output()).toContain("2 processes in a row ended before they were ready");
    expect(cluster.output().match(/ended \(code 1\) before it was ready/g)).toHaveLength(2);
  });

  it.runIf(isFullSize)(
    "a child that dies after a long life is not a fast crash; after the primary is killed, no process is left behind",
    async () => {
      const cluster = await serve({ WEB_CONCURRENCY: "2", NODE_OPTIONS: QUICK_CLOCK });
      await allThere(cluster, 2);
      /** @returns the process id of the replacement, as soon as it runs */
      const kill = async (pid: number): Promise<number> => {
        const before = cluster.children();
        process.kill(pid, "SIGKILL");
        let replacement: number | undefined;
        await until("a new one", () => (replacement = cluster.children().find((child) => !before.includes(child))) !== undefined);
        return replacement!;
      };
      const [first, second] = cluster.children();
      const begun = performance.now();
      await kill(first!);
      await until("a long life", () => performance.now() - begun > LONG_LIFE_MS);
      await allThere(cluster, 2);
      await kill(await kill(second!));
      await allThere(cluster, 2);
      // The life of the first child depends on the speed of the machine.
      expect(
        cluster
          .output()
          .match(/ended \(SIGKILL\)( within| before it was ready)?/g)
          ?.slice(1),
      ).toEqual(["ended (SIGKILL)", "ended (SIGKILL) before it was ready"]);
      expect(cluster.primary.exitCode).toBeNull();

      const children = cluster.children();
      expect(children).toHaveLength(2);
      cluster.primary.kill("SIGKILL");
      await until("the children's end", () => children.every(isGone));
    },
  );

  it("gateways and workers can be clustered; on a signal all processes finish and none is restarted", async () => {
    const gateway = await serve({ WEB_CONCURRENCY: "2", MODE: "gateway" });
    await allThere(gateway, 2);
    expect((await post(gateway.webhook, "star", {})).status).toBe(202);
    expect(await total(gateway.management, ACCEPTED)).toBe(1);
    const clusters = [gateway];
    if (isFullSize) {
      const settings = { WEB_CONCURRENCY: "auto", MODE: "worker", DATABASE_URL: gateway.url, GITHUB_WEBHOOK_SECRET: SECRET };
      const worker = await serve(settings);
      clusters.push(worker);
      await until("the workers", async () => (await ready(worker.management)).ok);
      await until("an empty inbox", async () => (await rowsOf(gateway.url, "SELECT FROM octogauge.inbox")).length === 0);
      const refused = () =>
        fetch(worker.webhook).then(
          () => false,
          () => true,
        );
      await until("workers without the public port", refused);
    }
    for (const cluster of clusters) {
      const children = cluster.children();
      const ended = once(cluster.primary, "exit");
      // A terminal sends SIGINT to the whole group.
      if (cluster === gateway) cluster.primary.kill("SIGTERM");
      else process.kill(-cluster.primary.pid!, "SIGINT");
      expect((await ended)[0]).toBe(0);
      expect(children.every(isGone)).toBe(true);
      expect(cluster.output()).not.toContain("ended (");
    }
    expect(await rowsOf(gateway.url, "SELECT FROM octogauge.delivery_ledger")).toHaveLength(1);
  });

  it("0 is a configuration error", async () => {
    const cluster = await serve({ WEB_CONCURRENCY: "0" });
    expect((await once(cluster.primary, "exit"))[0]).toBe(1);
    expect(cluster.output()).toContain('WEB_CONCURRENCY is "0"; allowed: a whole number from 1 to 256, or auto');
  });

  it.each(["-1", "1.5", "two", "257"])("%s is rejected", (value) => {
    const environment = { ...testEnvironment("postgres://u@localhost/x"), WEB_CONCURRENCY: value };
    expect(() => loadConfig(environment)).toThrow(ConfigError);
    expect(loadConfig({ ...environment, WEB_CONCURRENCY: "256" }).WEB_CONCURRENCY).toBe(256);
  });
});
