import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { connect, createServer as createForwarder } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import pg from "pg";
import { describe, expect, it, onTestFinished } from "vitest";
import { stringify } from "yaml";
import { readBacklog } from "../../src/queue/backlog.sql.js";
import { DELAYED_LANES, LANES } from "../../src/intake/lanes.js";
import { freshDatabase } from "../support/database.js";
import { SECRET, startInstance } from "../support/octogauge.js";
import { freePort } from "../support/replica.js";
import { CHART, HELM, type Manifest, one, render } from "./helm.js";

const SCRIPT = readFileSync(join(CHART, "files/test-delivery.js"), "utf8");

function folder(files: Record<string, string>): string {
  const path = mkdtempSync(join(tmpdir(), "octogauge-chart-"));
  onTestFinished(() => rmSync(path, { recursive: true }));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(path, name), content);
  return path;
}

/** Runs the script as the pod of `helm test` does. */
async function helmTest(webhook: string, management: string, secrets: Record<string, string>): Promise<string> {
  const env = { PATH: process.env["PATH"], WEBHOOK_URL: webhook, MANAGEMENT_URL: management, SECRETS: folder(secrets) };
  const run = promisify(execFile)(process.execPath, ["--input-type=module", "--eval", SCRIPT], { env });
  return run.then(
    ({ stdout }) => stdout.trim(),
    (error: { stderr: string }) => error.stderr.trim(),
  );
}

/** An address that closes every connection until it is opened. Then it forwards to another address. */
async function forwardLater(target: string) {
  const { hostname, port: to } = new URL(target);
  let isOpen = false;
  const forwarder = createForwarder((socket) => {
    if (!isOpen) return void socket.destroy();
    const onward = connect(Number(to), hostname);
    for (const end of [socket, onward]) end.on("error", () => [socket, onward].forEach((each) => each.destroy()));
    socket.pipe(onward).pipe(socket);
  });
  onTestFinished(() => void forwarder.close());
  await once(forwarder.listen(0, "127.0.0.1"), "listening");
  return {
    url: `http://127.0.0.1:${(forwarder.address() as { port: number }).port}`,
    /** Resolves with the first connection that was closed. */
    refused: once(forwarder, "connection"),
    open: () => void (isOpen = true),
  };
}

describe("helm test", () => {
  it("posts a signed ping and finds it in the metrics", async () => {
    const { webhook, managementUrl } = await startInstance({ METRICS_TOKEN: "a token" });
    const secrets = { "webhook-secret": `${SECRET}, the one before\n`, "metrics-token": "a token" };
    expect(await helmTest(webhook, managementUrl, secrets)).toBe("A signed ping was stored once, and /metrics counts it.");
    expect(await helmTest(webhook, managementUrl, secrets)).toBe("A signed ping was stored once, and /metrics counts it.");
    expect(await helmTest(webhook, managementUrl, { ...secrets, "webhook-secret": "another" })).toMatch(
      /^FAILED: the delivery was answered 401/,
    );
    expect(await helmTest(webhook, managementUrl, { "webhook-secret": SECRET })).toMatch(/^FAILED: .*\/metrics answered 401/);
  });

  it("waits for a Service without pods", async () => {
    const { webhook, managementUrl } = await startInstance();
    const late = await Promise.all([webhook, managementUrl].map(forwardLater));
    const output = helmTest(`${late[0]!.url}/webhook`, late[1]!.url, { "webhook-secret": SECRET });
    // The script reads the metrics first.
    for (const service of [late[1]!, late[0]!]) {
      await Promise.race([service.refused, output]);
      service.open();
    }
    expect(await output).toBe("A signed ping was stored once, and /metrics counts it.");
  });
});

describe.skipIf(!HELM)("KEDA's database query", () => {
  it("returns the same values as octogauge_inbox_*", async () => {
    const scaled = one(await render({ worker: { keda: { enabled: true } } }), "ScaledObject");
    const [age, depth] = scaled.spec.triggers.map(({ metadata }: Manifest) => metadata.query as string);
    const client = new pg.Client({ connectionString: await freshDatabase() });
    await client.connect();
    onTestFinished(() => client.end());
    const answer = async (query: string) => Number(Object.values((await client.query(query)).rows[0] as Record<string, string>)[0]);
    expect([await answer(age!), await answer(depth!)]).toEqual([0, 0]);

    // One delivery per lane, older in higher lanes. Overflow and delayed deliveries are older still, and must not count as late.
    for (const lane of [...LANES, ...DELAYED_LANES]) {
      await client.query(
        `INSERT INTO octogauge.inbox (priority, delivery_id, event, form, payload, received_at) VALUES ($1::int, gen_random_uuid(), 'ping', false, '{}', now() - make_interval(mins => $1::int))`,
        [lane],
      );
    }
    const backlog = await readBacklog(client);
    expect(await answer(depth!)).toBe(backlog.reduce((sum, { pending }) => sum + pending, 0));
    expect(await answer(depth!)).toBe(LANES.length);
    // Both values grow during the test, so the later reading is not smaller.
    const oldest = Math.max(...backlog.map(({ oldestAge }) => oldestAge));
    expect(oldest).toBeGreaterThan(170);
    const reported = await answer(age!);
    expect(reported).toBeGreaterThanOrEqual(Math.floor(oldest));
    expect(reported).toBeLessThanOrEqual(Math.max(...(await readBacklog(client)).map(({ oldestAge }) => oldestAge)) + 1);
  });
});

const hasPrometheus = spawnSync("prometheus", ["--version"]).status === 0;
if (!hasPrometheus) console.warn("\n*** SKIPPED: prometheus is not installed, the relabelling of the ServiceMonitor was not tried ***\n");

describe.skipIf(!HELM || !hasPrometheus)("the ServiceMonitor's relabelling", () => {
  it("makes one target of three pods, in a real Prometheus", async () => {
    const objects = await render({ networkPolicy: { enabled: false }, monitoring: { fleet: { enabled: true, kind: "ServiceMonitor" } } });
    const relabelings = one(objects, "ServiceMonitor").spec.endpoints[0].relabelings as Record<string, string>[];
    const port = await freePort();
    const service = createServer((_, response) => void response.end("up_once 1\n")).listen(0, "127.0.0.1");
    const scraped = once(service, "request");
    onTestFinished(() => void service.close());
    await once(service, "listening");
    const address = `127.0.0.1:${(service.address() as { port: number }).port}`;
    const names: Record<string, string> = { targetLabel: "target_label", sourceLabels: "source_labels" };
    // As the operator would generate it: pods by address, with their labels.
    const config = {
      scrape_configs: [
        {
          job_name: "serviceMonitor/ns/rel",
          scrape_interval: "1s",
          static_configs: ["a", "b", "c"].map((pod, index) => ({
            targets: [`10.0.0.${index}:8081`],
            labels: { pod, container: "octogauge", endpoint: "management", service: "rel", namespace: "ns" },
          })),
          relabel_configs: relabelings.map((rule) =>
            Object.fromEntries(
              Object.entries(rule).map(([key, value]) => [
                names[key] ?? key,
                value.replace("rel-octogauge-management.ns.svc:8081", address),
              ]),
            ),
          ),
        },
      ],
    };
    const data = folder({ "prometheus.yml": stringify(config) });
    const prometheus = spawn(
      "prometheus",
      [
        `--config.file=${data}/prometheus.yml`,
        `--storage.tsdb.path=${data}/data`,
        `--web.listen-address=127.0.0.1:${port}`,
        "--log.level=error",
      ],
      { stdio: "ignore" },
    );
    const ended = new Promise((resolve) => prometheus.once("exit", resolve));
    onTestFinished(async () => {
      prometheus.kill();
      await ended;
    });
    await scraped;
    const targets = (await (await fetch(`http://127.0.0.1:${port}/api/v1/targets`)).json()) as {
      data: { activeTargets: { labels: object }[] };
    };
    expect(targets.data.activeTargets.map(({ labels }) => labels)).toEqual([{ instance: address, job: "rel-octogauge", namespace: "ns" }]);
  });
});
