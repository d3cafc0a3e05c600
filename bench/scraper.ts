import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { median } from "./statistics.js";

/** A little longer than the cache of an answer, so that each scrape reads the database. */
const EVERY_MS = 1_010;

/** Scrapes `/metrics` about every second, as Prometheus would at its most eager. */
export class Scraper {
  readonly #stop = new AbortController();
  readonly #latencies: number[] = [];
  readonly #scraping: Promise<void>;

  private constructor(private readonly port: number) {
    this.#scraping = this.#run();
  }

  static start(managementPort: number): Scraper {
    return new Scraper(managementPort);
  }

  /** @returns the median of the scrapes in milliseconds */
  async stop(): Promise<number> {
    this.#stop.abort();
    await this.#scraping;
    return median(this.#latencies);
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      const began = performance.now();
      await scrape(this.port);
      this.#latencies.push(performance.now() - began);
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, began + EVERY_MS - performance.now())));
    }
  }
}

/** Asks as Prometheus does, reads the answer and throws it away: what a scraper does with it takes no core of ours, since it runs elsewhere. */
export async function scrape(port: number): Promise<void> {
  const [response] = (await once(
    get({ host: "127.0.0.1", port, path: "/metrics", headers: { "accept-encoding": "gzip" } }),
    "response",
  )) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`/metrics answered ${response.statusCode}`);
  response.resume();
  await once(response, "end");
}
