import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { LatencySketch } from "./latency-sketch.js";
import type { SimulatedDelivery } from "./model.js";
import { type PostOutcome, Poster } from "./post.js";

/** Options of sending. */
export interface SendOptions {
  /** Used round robin, per attempt. */
  readonly urls: readonly string[];
  readonly secret: string;
  /** Deliveries per second in total; 0 for no limit. */
  readonly rate: number;
  /** Most concurrent deliveries. */
  readonly concurrency: number;
  /** Retry with the same id after no answer, a 408, a 429 or a 5xx. */
  readonly redeliver: boolean;
  /** Seconds of retries before a delivery counts as lost. */
  readonly redeliverFor: number;
  /** Seconds to wait for an answer. GitHub waits 10, which is the default. */
  readonly timeout?: number | undefined;
  /** After an abort, running deliveries finish and no new ones start. */
  readonly signal?: AbortSignal | undefined;
  /** Called once per second. */
  readonly onProgress?: ((counts: SendCounts) => void) | undefined;
}

/** Progress. `sent` = accepted + duplicates + refused + lost + running. */
export interface SendCounts {
  readonly sent: number;
  /** Stored by the receiver for the first time. */
  readonly accepted: number;
  /** Already known to the receiver. */
  readonly duplicates: number;
  /** Rejected with a status that is not retried. */
  readonly refused: number;
  /** Attempts beyond the first. */
  readonly redelivered: number;
  /** Not accepted within the time for retries. */
  readonly lost: number;
}

/** Final counts. Latencies are in milliseconds, of attempts answered with a 2xx. */
export interface SendSummary extends SendCounts {
  readonly seconds: number;
  readonly p50: number;
  readonly p99: number;
  readonly longest: number;
  /** Description of the first attempt without a 2xx. */
  readonly firstTrouble: string | undefined;
}

const firstBackoffMs = 100;
const maxBackoffMs = 5000;
/** After a stall, sending catches up on at most this much time. */
const maxCatchUpMs = 1000;

/**
 * Signs and posts all deliveries. Reads the iterable only as fast as it sends.
 * @throws TypeError if there is no URL or one is invalid
 */
export async function sendDeliveries(deliveries: Iterable<SimulatedDelivery>, options: SendOptions): Promise<SendSummary> {
  const urls = options.urls.map((url) => new URL(url));
  if (urls.length === 0) throw new TypeError("No URL to send to");
  // Each concurrent sender adds a listener.
  if (options.signal) setMaxListeners(0, options.signal);
  const counts = { sent: 0, accepted: 0, duplicates: 0, refused: 0, redelivered: 0, lost: 0 };
  const latency = new LatencySketch();
  const poster = new Poster({ secret: options.secret, timeoutMs: (options.timeout ?? 10) * 1000, connections: options.concurrency });
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
    for (let pause = firstBackoffMs; outcome === "failed" && options.redeliver; pause = Math.min(2 * pause, maxBackoffMs)) {
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
        due = Math.max(due, performance.now() - maxCatchUpMs) + 1000 / options.rate;
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
