import { once } from "node:events";
import { get, type IncomingMessage } from "node:http";
import { median } from "./statistics.js";

/** Slightly longer than the scrape cache, so that each scrape reads the database. */
const EVERY_MS = 1_010;

/** Scrapes `/metrics` about every second, the shortest useful interval. */
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

  /** @returns the median duration of the scrapes in milliseconds */
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

/** Sends the headers of Prometheus and discards the answer, because a real scraper runs on another machine. */
export async function scrape(port: number): Promise<void> {
  const [response] = (await once(
    get({ host: "127.0.0.1", port, path: "/metrics", headers: { "accept-encoding": "gzip" } }),
    "response",
  )) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`/metrics answered ${response.statusCode}`);
  response.resume();
  await once(response, "end");
}
