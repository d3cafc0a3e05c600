import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { Expectation } from "../../src/simulator/expected.js";
import { DEFAULTS, runSimulation, type SimulationOptions } from "../../src/simulator/simulate.js";

const closers: (() => void)[] = [];
afterEach(() => closers.splice(0).forEach((close) => close()));

/** A receiver that counts correctly, except for the changes that `spoil` makes to its answer. */
async function octogauge(spoil: (lines: string[]) => string[] = (lines) => lines) {
  const truth = new Expectation();
  const server = createServer((request, response) => {
    if (request.method === "GET") {
      if (request.headers.authorization !== "Bearer t") return void response.writeHead(401).end();
      const lines = [...truth.series()].map(([series, value]) => `${series} ${value}`);
      return void response.end(`${spoil(lines).join("\n")}\n`);
    }
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      const deliveryId = String(request.headers["x-github-delivery"]);
      truth.add({ deliveryId, event: String(request.headers["x-github-event"]), body: Buffer.concat(chunks).toString() });
      response.writeHead(202).end('{"status":"accepted"}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  closers.push(
    () => void server.close(),
    () => server.closeAllConnections(),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

async function simulate(url: string, more: Partial<SimulationOptions>) {
  const written = { stdout: "", stderr: "" };
  const io = {
    stdout: { write: (text: string) => void (written.stdout += text) },
    stderr: { write: (text: string) => void (written.stderr += text) },
  };
  const options = {
    ...DEFAULTS,
    secret: "s",
    urls: [`${url}/webhook`],
    deliveries: 400,
    check: `${url}/metrics`,
    checkToken: "t",
    checkFor: 0.6,
  };
  const code = await runSimulation({ ...options, ...more }, io);
  return { code, ...written };
}

describe("runSimulation", () => {
  it("accepts a correct receiver and prints the expected series", async () => {
    const others = 'github_workflow_jobs_queued_total{owner="else",repo="r",workflow="",runs_on=""} 9';
    const { code, stdout, stderr } = await simulate(await octogauge((lines) => [...lines, others]), { expected: true });
    expect(stderr).toContain("400 sent: 400 accepted");
    expect(stderr).toContain("The metrics are as expected");
    expect(code).toBe(0);
    const lines = stdout.trimEnd().split("\n");
    expect(lines).toEqual(lines.toSorted());
    expect(lines.some((line) => line.startsWith("github_events_total{"))).toBe(true);
  });

  it("rejects a receiver that loses, invents or changes series, with a limited list", async () => {
    const spoil = (lines: string[]) => lines.map((line) => line.replace(/^(github_workflow.*_total.*) (\d+)$/, "$1 0"));
    const { code, stderr } = await simulate(await octogauge(spoil), {});
    expect(code).toBe(1);
    expect(stderr).toContain("The metrics are NOT as expected");
    expect(stderr).toMatch(/ {2}github_workflow_\S+.* is 0; expected \d+\.\n/);
    expect(stderr.split("\n").filter((line) => line.startsWith("  github_"))).toHaveLength(20);
    expect(stderr).toMatch(/and \d+ more/);
  });

  it("waits while the inbox still holds deliveries", async () => {
    let reads = 0;
    const url = await octogauge((lines) => [...lines, `octogauge_inbox_pending{priority="0"} ${++reads < 2 ? 5 : 0}`]);
    expect((await simulate(url, { checkFor: 5 })).code).toBe(0);
    expect(reads).toBe(2);
  });

  it("reports unreadable metrics", async () => {
    const { code, stderr } = await simulate(await octogauge(), { checkToken: "wrong" });
    expect(code).toBe(1);
    expect(stderr).toContain("could not be read: HTTP status 401");
  });

  it("fails when deliveries are lost", async () => {
    const { code, stderr } = await simulate("http://127.0.0.1:9", { check: undefined, deliveries: 5 });
    expect([code, stderr.includes("5 lost")]).toEqual([1, true]);
  });
});
