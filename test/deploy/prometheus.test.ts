import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, it } from "vitest";
import { parse, stringify } from "yaml";
import { freshDatabase } from "../support/database.js";
import { hasPrometheus, Prometheus } from "../support/prometheus.js";
import { Replica } from "../support/replica.js";
import { roundRobin } from "../support/round-robin.js";
import { simulate } from "../support/simulation.js";

const RECIPE = fileURLToPath(new URL("../../deploy/prometheus/prometheus.yml", import.meta.url));
const DELIVERIES = 400;

if (!hasPrometheus)
  console.warn("\n*** SKIPPED: prometheus is not installed (Debian package prometheus), the recipe for scraping was not tried ***\n");

interface Scrape {
  readonly job_name: string;
  readonly metrics_path?: string;
}

/** The shipped recipe with this test's addresses and a scrape every second, plus the fallback for setups that can only scrape pods. */
function recipeFor(fleet: string, replicas: readonly string[]): string {
  const recipe = parse(readFileSync(RECIPE, "utf8")) as { scrape_configs: Scrape[] };
  const hosts = replicas.map((url) => new URL(url).host);
  const [once, each] = recipe.scrape_configs;
  expect([once?.job_name, each?.job_name, each?.metrics_path]).toEqual(["octogauge", "octogauge-process", "/metrics/process"]);
  return stringify({
    global: { scrape_interval: "1s", scrape_timeout: "1s" },
    scrape_configs: [
      { job_name: once!.job_name, static_configs: [{ targets: [new URL(fleet).host] }] },
      { job_name: each!.job_name, metrics_path: each!.metrics_path, static_configs: [{ targets: hosts }] },
      { job_name: "octogauge-pods", static_configs: [{ targets: hosts }] },
    ],
  });
}

it.skipIf(!hasPrometheus)(
  "scraped by the recipe, two replicas are counted once, and a rollout causes no reset and no gap",

  async () => {
    const databaseUrl = await freshDatabase();
    const replicas = [await Replica.start(databaseUrl), await Replica.start(databaseUrl)];
    const service = await roundRobin(replicas.map(({ management }) => management));
    const prometheus = await Prometheus.start(
      recipeFor(
        service,
        replicas.map(({ management }) => management),
      ),
    );
    const shows = async (expression: string, value: number) => {
      await expect.poll(() => prometheus.scalar(expression), { interval: 250 }).toBe(value);
    };

    const first = await simulate(replicas, 1, DELIVERIES);
    const processed = `sum(github_events_total{job="octogauge"})`;
    await shows(processed, first.summary.accepted);
    // Process metrics are different: they add up over the replicas.
    await shows(`sum(octogauge_deliveries_total{job="octogauge-process",outcome="accepted"})`, first.summary.accepted);
    await shows(`count(octogauge_deliveries_total{job="octogauge-process",outcome="accepted"})`, 2);
    // If only pods can be scraped, a sum counts twice. The expression of docs/deployment.md does not.
    await shows(`sum(github_events_total{job="octogauge-pods"})`, 2 * first.summary.accepted);
    await shows(`sum(max without (instance) (github_events_total{job="octogauge-pods"}))`, first.summary.accepted);

    // Restart one replica after the other during traffic, as a rollout does.
    const began = Date.now();
    const rolled = new AbortController();
    const traffic = (async () => {
      let accepted = 0;
      for (let seed = 2; !rolled.signal.aborted; seed += 1) accepted += (await simulate(replicas, seed, 50)).summary.accepted;
      return accepted;
    })();
    for (const replica of replicas) {
      expect(await replica.kill("SIGTERM")).toBe(0);
      await replica.start();
    }
    rolled.abort();
    const more = await traffic;
    expect(more).toBeGreaterThan(0);
    await shows(processed, first.summary.accepted + more);
    const window = `[${Math.ceil((Date.now() - began) / 1_000) + 5}s]`;
    expect(await prometheus.scalar(`max(resets(github_events_total{job="octogauge"}${window}))`)).toBe(0);
    expect(await prometheus.scalar(`min_over_time(up{job="octogauge"}${window})`)).toBe(1);
    expect(await prometheus.scalar(`max(resets(github_events_total{job="octogauge-pods"}${window}))`)).toBe(0);
    // The restarted processes show their own restart.
    expect(
      await prometheus.scalar(
        `max(resets(process_start_time_seconds{job="octogauge-process"}${window})) + max(changes(process_start_time_seconds{job="octogauge-process"}${window}))`,
      ),
    ).toBeGreaterThan(0);
    await shows(`sum(max without (instance) (github_events_total{job="octogauge-pods"}))`, first.summary.accepted + more);
  },
);
