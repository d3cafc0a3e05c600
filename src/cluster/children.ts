import cluster, { type Worker } from "node:cluster";
import { once } from "node:events";
import { Logger } from "@nestjs/common";
import { isOurs, type ToPrimary } from "./messages.js";
import { ProcessTotals, type MetricSnapshot } from "./process-totals.js";

/** A child that ends sooner than this, or before it was ready, is a fast crash. */
const FAST_MS = 5_000;
/** How long a child may take to tell its metrics. Milliseconds. */
const ANSWER_MS = 2_000;

/** How the children are forked. */
export interface ForkOptions {
  readonly count: number;
  /** Added to the environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Called once, after `count` fast crashes in a row. */
  readonly onCrashLoop: () => void;
}

/** The processes that do the work, on one machine, behind one port; a child that dies is replaced. */
export class Children {
  readonly #logger = new Logger("cluster");
  readonly #children = new Map<Worker, { readonly forkedAt: number; isReady: boolean }>();
  readonly #waiting = new Map<number, (metrics: readonly MetricSnapshot[]) => void>();
  readonly #totals = new ProcessTotals();
  #announce: (webhookUrl: string | undefined) => void = () => undefined;
  #fastCrashes = 0;
  #questions = 0;
  #isStopping = false;

  constructor(private readonly options: ForkOptions) {
    cluster.setupPrimary({ args: ["serve"] });
    cluster.on("message", (child, message: unknown) => this.#hear(child, message));
    cluster.on("exit", (child, code, signal) => this.#onChildExit(child, signal ?? `code ${code}`));
  }

  get count(): number {
    return this.options.count;
  }

  /** How many do their work. */
  get ready(): number {
    return [...this.#children.values()].filter(({ isReady }) => isReady).length;
  }

  /** Forks them all. @returns the address of the webhook, undefined in workers, once all do their work */
  start(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#announce = resolve;
      while (this.#children.size < this.count) this.#fork();
    });
  }

  /** Lets all finish what is under way, and forks none any more. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    const ends = [...this.#children.keys()].map((child) => once(child, "exit"));
    for (const child of this.#children.keys()) child.process.kill("SIGTERM");
    await Promise.all(ends);
  }

  /** The metrics of all children, living and dead, added up as a text exposition. */
  async metrics(): Promise<string> {
    await this.#askAll();
    return this.#totals.text();
  }

  /** The same as they are, with exemplars. */
  async snapshots(): Promise<readonly MetricSnapshot[]> {
    await this.#askAll();
    return this.#totals.total();
  }

  async #askAll(): Promise<void> {
    const ready = [...this.#children].filter(([, { isReady }]) => isReady);
    await Promise.all(ready.map(async ([child]) => this.#totals.note(child.id, await this.#ask(child))));
  }

  #fork(): void {
    this.#children.set(cluster.fork(this.options.environment), { forkedAt: performance.now(), isReady: false });
  }

  #hear(child: Worker, message: unknown): void {
    if (!isOurs<ToPrimary>(message)) return;
    const known = this.#children.get(child);
    if (message.octogauge === "ready" && known) {
      known.isReady = true;
      if (this.ready === this.count) this.#announce(message.webhookUrl);
    }
    if (message.octogauge === "metrics") this.#waiting.get(message.question)?.(message.metrics);
  }

  #ask(child: Worker): Promise<readonly MetricSnapshot[] | undefined> {
    const question = (this.#questions += 1);
    return new Promise((resolve) => {
      const end = (metrics: readonly MetricSnapshot[] | undefined) => {
        clearTimeout(timer);
        this.#waiting.delete(question);
        resolve(metrics);
      };
      const timer = setTimeout(() => end(undefined), ANSWER_MS);
      this.#waiting.set(question, end);
      if (child.isConnected()) child.send({ octogauge: "metrics?", question });
      else end(undefined);
    });
  }

  #onChildExit(child: Worker, reason: string): void {
    const known = this.#children.get(child);
    this.#children.delete(child);
    void this.#totals.addDeadLetter(child.id);
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
