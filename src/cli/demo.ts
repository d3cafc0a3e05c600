import { randomInt } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { join } from "node:path";
import type { Config } from "../config/index.js";
import { parseExposition } from "../simulator/compare.js";
import { generateHistory } from "../simulator/history.js";
import { sendDeliveries } from "../simulator/send.js";
import { startService, stopOnSignals } from "./serve.js";

const LINE_INTERVAL_SECONDS = 2;
const TWO_HOURS_MS = 7_200_000;

/** `octogauge demo`: the service with simulated traffic, and a summary line every two seconds. */
export async function demo(config: Config, { rate, seconds }: { rate: number; seconds: number }): Promise<void> {
  // The demo has its own data directory, so that its traffic is not in the metrics of the quick start.
  const service = await startService({ ...config, DATA_DIR: join(config.DATA_DIR, "demo"), LOG_LEVEL: "warn" });
  const stopping = new AbortController();
  const stop = async () => {
    stopping.abort();
    await traffic;
    await service.stop();
  };
  const { webhookUrl, managementUrl } = service.running;
  const secret = service.prepared.config.GITHUB_WEBHOOK_SECRET[0];
  if (!webhookUrl || !secret) throw new Error("the demo needs a mode that receives deliveries; set MODE to standalone or gateway");
  console.log(
    [
      "Octogauge receives simulated GitHub Actions traffic: 2 organisations, 8 repositories, re-runs, matrices, approvals,",
      `duplicates and disorder, ${rate} deliveries per second. Stop with Ctrl+C.`,
      `  metrics   ${managementUrl}/metrics            (the same from every replica; scrape it once)`,
      `  process   ${managementUrl}/metrics/process    (this process; scrape it on every replica)`,
      `  health    ${managementUrl}/health`,
      `  webhook   ${webhookUrl}            (point GitHub here; its secret is ${service.prepared.generatedSecret ?? "the one you configured"})`,
      "",
    ].join("\n"),
  );
  const history = generateHistory({ seed: randomInt(2 ** 31), deliveries: 100_000_000, startTime: new Date(Date.now() - TWO_HOURS_MS) });
  const traffic = sendDeliveries(history, {
    urls: [webhookUrl],
    secret,
    rate,
    concurrency: 20,
    redeliver: true,
    redeliverFor: 60,
    signal: stopping.signal,
  });
  stopOnSignals({ stop }, config.DRAIN_TIMEOUT);
  const until = seconds > 0 ? Date.now() + seconds * 1_000 : Infinity;
  while (!stopping.signal.aborted && Date.now() < until) {
    await sleep(LINE_INTERVAL_SECONDS * 1_000, undefined, { signal: stopping.signal }).catch(() => undefined);
    if (!stopping.signal.aborted) console.log(await lineOf(`${managementUrl}/metrics`, config.METRICS_TOKEN));
  }
  if (stopping.signal.aborted) return;
  await stop();
}

async function lineOf(url: string, token: string | undefined): Promise<string> {
  const answer = await fetch(url, token ? { headers: { authorization: `Bearer ${token}` } } : {});
  if (!answer.ok) return `/metrics answered ${answer.status}`;
  const series = [...parseExposition(await answer.text())];
  const total = (name: string, label = "") =>
    series.reduce((sum, [key, value]) => (key.startsWith(`${name}{`) && key.includes(label) ? sum + value : sum), 0);
  const completed = total("github_workflow_jobs_completed_total");
  const failed = total("github_workflow_jobs_completed_total", 'conclusion="failure"');
  const queueCount = total("github_workflow_job_queue_seconds_count");
  const queueMean = queueCount > 0 ? total("github_workflow_job_queue_seconds_sum") / queueCount : 0;
  return [
    `jobs: ${total("github_workflow_jobs", 'status="queued"')} queued, ${total("github_workflow_jobs", 'status="in_progress"')} running, ${completed} completed (${failed} failed)`,
    `mean queue time ${queueMean.toFixed(0)} s`,
    `runs: ${total("github_workflow_runs")} open, ${total("github_workflow_runs_completed_total")} completed`,
    `deliveries: ${total("github_events_total")} counted, ${total("octogauge_inbox_pending")} pending`,
  ].join("  |  ");
}
