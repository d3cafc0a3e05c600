import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { LatencySketch } from "./latency-sketch.js";
import type { SimulatedDelivery } from "./model.js";
import { type PostOutcome, Poster } from "./post.js";

/** How to send deliveries. */
export interface SendOptions {
  /** Where to: each attempt goes to the next. */
  readonly urls: readonly string[];
  readonly secret: string;
  /** Deliveries per second over all; 0 for as many as the receivers take. */
  readonly rate: number;
  /** How many deliveries are under way at most. */
  readonly concurrency: number;
  /** Send again, under the same id, what got no answer, a 408, a 429 or a 5xx. */
  readonly redeliver: boolean;
  /** For how many seconds a delivery is sent again before it counts as lost. */
  readonly redeliverFor: number;
  /** Seconds to wait for an answer. GitHub waits 10, which is the default. */
  readonly timeout?: number | undefined;
  /** Aborting takes no more deliveries and lets those under way finish. */
  readonly signal?: AbortSignal | undefined;
  /** Called once per second. */
  readonly onProgress?: ((counts: SendCounts) => void) | undefined;
}

/** How far sending has come. `sent` = accepted + duplicates + refused + lost + those under way. */
export interface SendCounts {
  readonly sent: number;
  /** Stored by the receiver for the first time. */
  readonly accepted: number;
  /** Known to the receiver already. */
  readonly duplicates: number;
  /** Answered with a status that sending again does not help. */
  readonly refused: number;
  /** Attempts beyond the first. */
  readonly redelivered: number;
  /** Given up without a 2xx. */
  readonly lost: number;
}

/** What came of it: latencies in milliseconds are those of attempts answered with a 2xx. */
export interface SendSummary extends SendCounts {
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** What the first attempt without a 2xx came to. */
  readonly firstTrouble: string | undefined;
}

const firstPause = 100;
const longestPause = 5000;
/** After a stall, the rate catches up by no more than this many milliseconds. */
const longestDebt = 1000;

/**
 * Signs and posts all deliveries. Takes them from the iterable only as fast as they are sent.
 * @throws TypeError when there is no URL, or one is not valid
 */
export async function sendDeliveries(deliveries: Iterable<SimulatedDelivery>, options: SendOptions): Promise<SendSummary> {
  const urls = options.urls.map((url) => new URL(url));
  if (urls.length === 0) throw new TypeError("No URL to send to");
  // Each of the concurrent senders listens.
  if (options.signal) setMaxListeners(0, options.signal);
  const counts = { sent: 0, accepted: 0, duplicates: 0, refused: 0, redelivered: 0, lost: 0 };
  const latency = new LatencySketch();
  const poster = new Poster({ secret: options.secret, timeout: (options.timeout ?? 10) * 1000, connections: options.concurrency });
  const source = deliveries[Symbol.iterator]();
  const begin = performance.now();
  const isAborted = () => options.signal?.aborted ?? false;
  let attempts = 0;
  let longest = 0;
  let due = begin;

  const attempt = async (delivery: SimulatedDelivery): Promise<PostOutcome> => {
    const from = performance.now();
    const outcome = await poster.post(urls[attempts++ % urls.length] as URL, delivery);
    const took = performance.now() - from;
    if (outcome === "accepted" || outcome === "duplicate") {
      latency.add(took);
      longest = Math.max(longest, took);
    }
    return outcome;
  };

  const deliver = async (delivery: SimulatedDelivery): Promise<void> => {
    const until = performance.now() + options.redeliverFor * 1000;
    let outcome = await attempt(delivery);
    for (let pause = firstPause; outcome === "failed" && options.redeliver; pause = Math.min(2 * pause, longestPause)) {
      if (isAborted() || performance.now() + pause > until) break;
      await sleep(pause, undefined, options.signal ? { signal: options.signal } : {}).catch(() => undefined);
      if (isAborted()) break;
      counts.redelivered++;
      outcome = await attempt(delivery);
    }
    counts[({ accepted: "accepted", duplicate: "duplicates", refused: "refused", failed: "lost" } as const)[outcome]]++;
  };

  const work = async (): Promise<void> => {
    while (!isAborted()) {
      if (options.rate > 0) {
        due = Math.max(due, performance.now() - longestDebt) + 1000 / options.rate;
        const wait = due - performance.now();
        if (wait > 1) await sleep(wait, undefined, options.signal ? { signal: options.signal } : {}).catch(() => undefined);
        if (isAborted()) return;
      }
      const next = source.next();
      if (next.done) return;
      counts.sent++;
      await deliver(next.value);
    }
  };

  const timer = options.onProgress && setInterval(() => options.onProgress?.({ ...counts }), 1000);
  try {
    await Promise.all(Array.from({ length: Math.max(1, options.concurrency) }, work));
  } finally {
    clearInterval(timer);
    poster.close();
  }
  const seconds = (performance.now() - begin) / 1000;
  return { ...counts, seconds, p50: latency.percentile(0.5), p99: latency.percentile(0.99), longest, firstTrouble: poster.firstTrouble };
}
