import { describe, expect, it, onTestFinished, vi } from "vitest";
import { Database } from "../../src/database/database.js";
import { Scrape } from "../../src/metrics/scrape.js";
import { advancingClock } from "../support/advancing-clock.js";
import { stillFleet } from "../support/fleet.js";
import { post, startInstance } from "../support/octogauge.js";
import { repository } from "../support/payloads.js";
import { Tracing } from "../../src/tracing/tracing.js";

const OPENMETRICS =
  "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

describe("/metrics", () => {
  it("answers text or OpenMetrics by Accept", async () => {
    const instance = await startInstance();
    const text = await fetch(`${instance.managementUrl}/metrics`);
    expect(text.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await text.text()).toContain("# TYPE github_events_total counter\n");
    const open = await fetch(`${instance.managementUrl}/metrics`, { headers: { accept: OPENMETRICS } });
    expect(open.headers.get("content-type")).toBe("application/openmetrics-text; version=1.0.0; charset=utf-8");
    expect(await open.text()).toMatch(/# TYPE github_events counter\n[^]*# EOF\n$/);
  });

  it("requires the token if one is set, for /metrics/process too", async () => {
    const instance = await startInstance({ METRICS_TOKEN: "t0ken" });
    for (const path of ["/metrics", "/metrics/process"]) {
      const ask = (authorization?: string) =>
        fetch(`${instance.managementUrl}${path}`, authorization ? { headers: { authorization } } : {});
      const refused = await ask();
      expect([refused.status, refused.headers.get("content-type")]).toEqual([401, "application/problem+json; charset=utf-8"]);
      expect((await ask("Bearer wrong")).status).toBe(401);
      expect((await ask("t0ken")).status).toBe(401);
      expect((await ask("Bearer t0ken")).status).toBe(200);
    }
    expect((await fetch(`${instance.managementUrl}/health/live`)).status).toBe(200);
  });

  it("concurrent scrapes share one reading, and a scrape a second later reads again", async () => {
    let readings = 0;
    let endReading!: () => void;
    const reading = new Promise<void>((resolve) => (endReading = resolve));
    const counting = {
      name: "counting",
      collect: async () => {
        readings += 1;
        await reading;
        return [];
      },
    };
    const scrape = new Scrape([counting], (await stillFleet()).get(Database), new Tracing());
    const clock = advancingClock();
    const scrapes = Array.from({ length: 20 }, () => scrape.pages("text"));
    endReading();
    const answers = await Promise.all(scrapes);
    expect([readings, new Set(answers.map(String)).size]).toEqual([1, 1]);
    await scrape.pages("openmetrics");
    expect(readings).toBe(1);
    clock.advance(1_001);
    await scrape.pages("text");
    expect(readings).toBe(2);
  });

  it("answers within 9 s with the metrics that it has if the database hangs", async () => {
    const database = (await stillFleet()).get(Database);
    vi.useFakeTimers();
    onTestFinished(() => void vi.useRealTimers());
    const collector = (name: string, collect: () => Promise<[]>) => ({ name, collect });
    const scrape = new Scrape(
      [collector("quick", async () => []), collector("hung", () => new Promise(() => undefined)), collector("late", async () => [])],
      database,
      new Tracing(),
    );
    const pages = scrape.pages("text");
    await vi.advanceTimersByTimeAsync(9_000);
    const success = Buffer.concat(await pages)
      .toString()
      .split("\n")
      .filter((line) => line.startsWith("octogauge_collector_success{"));
    expect(success).toEqual(
      ["hung", "late", "quick"].map((name) => `octogauge_collector_success{collector="${name}"} ${name === "quick" ? 1 : 0}`),
    );
  });
});

it("/metrics/process shows the work of this process", async () => {
  const instance = await startInstance();
  await post(instance.webhook, "star", { action: "created", repository });
  await fetch(instance.webhook, { method: "GET" });
  const text = async () => (await fetch(`${instance.managementUrl}/metrics/process`)).text();
  await expect.poll(text).toMatch(/octogauge_processing_batch_size_count [1-9]/);
  const body = await text();
  for (const line of [
    /^octogauge_deliveries_total\{outcome="accepted"\} \d+$/m,
    /^octogauge_deliveries_total\{outcome="method"\} \d+$/m,
    /^octogauge_http_request_duration_seconds_count\{status="202"\} \d+$/m,
    /^octogauge_inbox_flush_size_count \d+$/m,
    /^octogauge_inbox_waiting_deliveries \d+$/m,
    /^octogauge_database_query_duration_seconds_count\{result="ok"\} \d+$/m,
    /^octogauge_database_pool_connections\{state="idle"\} \d+$/m,
    /^octogauge_build_info\{version="\d+\.\d+\.\d+",node_version="v\d+.*"\} 1$/m,
    /^nodejs_eventloop_lag_p99_seconds \S+$/m,
  ])
    expect(body).toMatch(line);
});
