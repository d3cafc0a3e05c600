import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { Logger } from "@nestjs/common";
import { isOurs, type ToPrimary } from "./messages.js";
import { ProcessTotals, type MetricSnapshot } from "./process-totals.js";

/** A child that ends within this time, or before it is ready, counts as a fast crash. */
const FAST_MS = 5_000;
/** Timeout of a metrics request to a child. */
const METRICS_TIMEOUT_MS = 2_000;

export interface ForkOptions {
  readonly count: number;
  /** Added to the environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Called once, after `count` fast crashes in a row. */
  readonly onCrashLoop: () => void;
}

/** The child processes on one machine behind one port. A child that ends is replaced. */
export class Children {
  readonly #logger = new Logger("cluster");
  readonly #children = new Map<Worker, { readonly forkedAt: number; isReady: boolean }>();
  readonly #pending = new Map<number, (metrics: readonly MetricSnapshot[]) => void>();
  readonly #totals = new ProcessTotals();
  #onReady: (webhookUrl: string | undefined) => void = () => undefined;
  #fastCrashes = 0;
  #requests = 0;
  #isStopping = false;

  constructor(private readonly options: ForkOptions) {
    cluster.setupPrimary({ args: ["serve"] });
    cluster.on("message", (child, message: unknown) => this.#onMessage(child, message));
    cluster.on("exit", (child, code, signal) => this.#onChildExit(child, signal ?? `code ${code}`));
  }

  get count(): number {
    return this.options.count;
  }

  /** Number of ready children. */
  get ready(): number {
    return [...this.#children.values()].filter(({ isReady }) => isReady).length;
  }

  /** Forks all children and waits until they are ready. @returns the address of the webhook, undefined in workers */
  start(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#onReady = resolve;
      while (this.#children.size < this.count) this.#fork();
    });
  }

  /** Stops all children in an orderly way and forks no more. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const ends = [...this.#children.keys()].map((child) => once(child, "exit"));
    for (const child of this.#children.keys()) child.process.kill("SIGTERM");
    await Promise.all(ends);
  }

  /** Sums of the metrics of all children, including ended ones, as a text exposition. */
  async metrics(): Promise<string> {
    await this.#collectAll();
    return this.#totals.text();
  }

  /** The same as snapshots with exemplars. */
  async snapshots(): Promise<readonly MetricSnapshot[]> {
    await this.#collectAll();
    return this.#totals.total();
  }

  async #collectAll(): Promise<void> {
    const ready = [...this.#children].filter(([, { isReady }]) => isReady);
    await Promise.all(ready.map(async ([child]) => this.#totals.record(child.id, await this.#requestMetrics(child))));
  }

  #fork(): void {
    this.#children.set(cluster.fork(this.options.environment), { forkedAt: performance.now(), isReady: false });
  }

  #onMessage(child: Worker, message: unknown): void {
    if (!isOurs<ToPrimary>(message)) return;
    const known = this.#children.get(child);
    if (message.octogauge === "ready" && known) {
      known.isReady = true;
      if (this.ready === this.count) this.#onReady(message.webhookUrl);
    }
    if (message.octogauge === "metrics") this.#pending.get(message.requestId)?.(message.metrics);
  }

  #requestMetrics(child: Worker): Promise<readonly MetricSnapshot[] | undefined> {
    const requestId = (this.#requests += 1);
    return new Promise((resolve) => {
      const end = (metrics: readonly MetricSnapshot[] | undefined) => {
        clearTimeout(timer);
        this.#pending.delete(requestId);
        resolve(metrics);
      };
      const timer = setTimeout(() => end(undefined), METRICS_TIMEOUT_MS);
      this.#pending.set(requestId, end);
      if (child.isConnected()) child.send({ octogauge: "metrics?", requestId });
      else end(undefined);
    });
  }

  #onChildExit(child: Worker, reason: string): void {
    const known = this.#children.get(child);
    this.#children.delete(child);
    void this.#totals.removeProcess(child.id);
    if (!known || this.#isStopping) return;
    const livedMs = performance.now() - known.forkedAt;
    const isFast = !known.isReady || livedMs < FAST_MS;
    this.#fastCrashes = isFast ? this.#fastCrashes + 1 : 0;
    const when = known.isReady ? (isFast ? ` within ${FAST_MS / 1_000} s of its start` : "") : " before it was ready";
    this.#logger.error(`process ${child.process.pid} ended (${reason})${when}`);
    if (this.#fastCrashes < this.count) return this.#fork();
    this.#isStopping = true;
    this.options.onCrashLoop();
  }
}
