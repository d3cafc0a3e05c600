import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { describe, expect, it, onTestFinished } from "vitest";
import { parseExposition } from "../../src/simulator/compare.js";
import { freshDatabase, rowsOf } from "../support/database.js";
import { post, SECRET, testEnvironment } from "../support/octogauge.js";
import { freePort } from "../support/replica.js";
import { isFullSize } from "../support/size.js";
import { expectMetrics, simulate } from "../support/simulation.js";
import { childEnvironment } from "../support/environment.js";

const CLI = fileURLToPath(new URL("../../dist/src/cli.js", import.meta.url));

/** Delays each child for longer than what counts as a fast crash by its time alone. */
const SLOW_CHILD = `data:text/javascript,${encodeURIComponent('import cluster from "node:cluster";if(cluster.isWorker)await new Promise(r=>setTimeout(r,5500))')}`;

/** `octogauge serve` in a process group of its own, and what it says. */
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
  let said = "";
  for (const stream of [primary.stdout, primary.stderr]) stream.on("data", (text) => (said += text));
  onTestFinished(() => {
    try {
      process.kill(-primary.pid!, "SIGKILL");
    } catch {
      // It has ended.
    }
  });
  const management = `http://127.0.0.1:${managementPort}`;
  const webhook = `http://127.0.0.1:${port}/webhook`;
  return { url, primary, management, webhook, said: () => said, children: () => childrenOf(primary) };
}

const childrenOf = ({ pid }: ChildProcess): number[] =>
  execFileSync("ps", ["--ppid", String(pid), "-o", "pid=,args="], { encoding: "utf8" })
    .split("\n")
    .filter((line) => line.includes("serve"))
    .map((line) => Number(line.trim().split(" ")[0]));

interface Readiness {
  readonly ok: boolean;
  /** Processes that do their work. */
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

async function until(condition: () => Promise<boolean>, what: string, seconds = 60): Promise<void> {
  const end = Date.now() + seconds * 1_000;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const allThere = (cluster: Awaited<ReturnType<typeof serve>>, count: number) =>
  until(async () => (await ready(cluster.management)).ready === count, `${count} processes`);

const total = async (management: string, name: string): Promise<number> => {
  const text = await (await fetch(`${management}/metrics/process`)).text();
  return [...parseExposition(text)].filter(([series]) => series.startsWith(name)).reduce((sum, [, value]) => sum + value, 0);
};

const ACCEPTED = 'octogauge_deliveries_total{outcome="accepted"';

describe("WEB_CONCURRENCY", { timeout: 150_000 }, () => {
  it("processes share the port; the numbers are true, and the management port tells of all of them", async () => {
    const cluster = await serve({ WEB_CONCURRENCY: "3" });
    await allThere(cluster, 3);
    expect(cluster.children()).toHaveLength(3);
    const replica = { webhook: cluster.webhook, management: cluster.management } as never;
    const { expectation, summary } = await simulate([replica], 71, 1_500);
    await expectMetrics([replica], expectation);
    expect(await total(cluster.management, "octogauge_deliveries_total")).toBe(summary.accepted + summary.duplicates);
    const text = await (await fetch(`${cluster.management}/metrics/process`)).text();
    // What is not to be added up is not.
    expect(text).toMatch(/^octogauge_build_info\{[^}]*\} 1$/m);
    const open = await fetch(`${cluster.management}/metrics/process`, { headers: { accept: "application/openmetrics-text" } });
    expect(open.headers.get("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    const told = await open.text();
    expect(told).toContain(`\n${ACCEPTED}} ${await total(cluster.management, ACCEPTED)}\n`);
    expect(told).toContain("# TYPE octogauge_deliveries counter\n");
    expect(told.endsWith("# EOF\n")).toBe(true);
    expect((await fetch(`${cluster.webhook}`)).status).toBe(405);
  });

  it("one that is killed is replaced, and what it had counted stays counted", async () => {
    const cluster = await serve({ WEB_CONCURRENCY: "2" });
    await allThere(cluster, 2);
    for (let sent = 0; sent < 20; sent += 1) expect((await post(cluster.webhook, "star", {})).status).toBe(202);
    expect(await total(cluster.management, "octogauge_deliveries_total")).toBe(20);
    const [first] = cluster.children();
    process.kill(first!, "SIGKILL");
    await until(async () => cluster.children().length === 2 && !cluster.children().includes(first!), "a new one");
    await allThere(cluster, 2);
    expect(await total(cluster.management, "octogauge_deliveries_total")).toBe(20);
    for (let sent = 0; sent < 10; sent += 1) expect((await post(cluster.webhook, "star", {})).status).toBe(202);
    expect(await total(cluster.management, "octogauge_deliveries_total")).toBe(30);
    expect(cluster.said()).toContain("ended (SIGKILL)");
  });

  it("children that end before they are ready are fast crashes, however long they took", async () => {
    // The primary does without the public port; its children cannot bind this address.
    const cluster = await serve({ WEB_CONCURRENCY: "2", HOST: "203.0.113.1", NODE_OPTIONS: `--import=${SLOW_CHILD}` });
    const [code] = (await once(cluster.primary, "exit")) as [number];
    expect(code).toBe(1);
    expect(cluster.said()).toContain("2 processes in a row ended before they were ready");
    expect(cluster.said().match(/ended \(code 1\) before it was ready/g)).toHaveLength(2);
  });

  it.runIf(isFullSize)("the death of one that had lived for long is none of its start", async () => {
    const cluster = await serve({ WEB_CONCURRENCY: "2" });
    await allThere(cluster, 2);
    /** @returns who takes its place, as soon as it is there */
    const kill = async (pid: number): Promise<number> => {
      const before = cluster.children();
      process.kill(pid, "SIGKILL");
      let heir: number | undefined;
      await until(async () => (heir = cluster.children().find((child) => !before.includes(child))) !== undefined, "a new one");
      return heir!;
    };
    const [first, second] = cluster.children();
    const begun = performance.now();
    await kill(first!);
    await until(async () => performance.now() - begun > 6_000, "a long life");
    await allThere(cluster, 2);
    await kill(await kill(second!));
    await allThere(cluster, 2);
    // How long the first one had lived depends on the machine.
    expect(
      cluster
        .said()
        .match(/ended \(SIGKILL\)( within| before it was ready)?/g)
        ?.slice(1),
    ).toEqual(["ended (SIGKILL)", "ended (SIGKILL) before it was ready"]);
    expect(cluster.primary.exitCode).toBeNull();
  });

  it.each(isFullSize ? (["SIGTERM", "SIGINT"] as const) : (["SIGTERM"] as const))(
    "%s lets all finish, and starts none again",
    async (signal) => {
      const cluster = await serve({ WEB_CONCURRENCY: "2" });
      await allThere(cluster, 2);
      const children = cluster.children();
      expect((await post(cluster.webhook, "star", {})).status).toBe(202);
      const ended = once(cluster.primary, "exit");
      // A terminal sends it to the whole group.
      if (signal === "SIGINT") process.kill(-cluster.primary.pid!, signal);
      else cluster.primary.kill(signal);
      expect((await ended)[0]).toBe(0);
      for (const pid of children) expect(() => process.kill(pid, 0)).toThrow("ESRCH");
      expect(cluster.said()).not.toContain("ended (");
      expect(await rowsOf(cluster.url, "SELECT FROM octogauge.delivery_ledger")).toHaveLength(1);
    },
  );

  it.runIf(isFullSize)("a primary that is killed leaves no process behind", async () => {
    const cluster = await serve({ WEB_CONCURRENCY: "2" });
    await allThere(cluster, 2);
    const children = cluster.children();
    cluster.primary.kill("SIGKILL");
    const isGone = (pid: number) => {
      try {
        process.kill(pid, 0);
        return false;
      } catch {
        return true;
      }
    };
    await until(async () => children.every(isGone), "the children's end");
    expect(children).toHaveLength(2);
  });

  it.each(isFullSize ? ["0", "-1", "1.5", "two", "257"] : ["0"])("%s is a configuration error", async (value) => {
    const cluster = await serve({ WEB_CONCURRENCY: value });
    expect((await once(cluster.primary, "exit"))[0]).toBe(1);
    expect(cluster.said()).toContain(`WEB_CONCURRENCY is "${value}"; allowed: a whole number from 1 to 256, or auto`);
  });

  it.runIf(isFullSize)("works as gateways and as workers, too", async () => {
    const gateway = await serve({ WEB_CONCURRENCY: "2", MODE: "gateway" });
    await allThere(gateway, 2);
    expect((await post(gateway.webhook, "star", {})).status).toBe(202);
    const worker = await serve({ WEB_CONCURRENCY: "auto", MODE: "worker", DATABASE_URL: gateway.url, GITHUB_WEBHOOK_SECRET: SECRET });
    await until(async () => (await ready(worker.management)).ok, "the workers");
    await until(async () => (await rowsOf(gateway.url, "SELECT FROM octogauge.inbox")).length === 0, "an empty inbox");
    await expect(fetch(worker.webhook)).rejects.toThrow("fetch failed");
    expect(await total(gateway.management, ACCEPTED)).toBe(1);
  });
});
