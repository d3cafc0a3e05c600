import { Inject, Injectable, Logger } from "@nestjs/common";
import { GAUGES } from "../counters/catalogue.js";
import { type Collector, COLLECTORS } from "./collector.js";
import { type CollectedFamily, expose, type Format, Samples } from "./exposition.js";

/** Answers of replicas may differ by this much; concurrent scrapers share one reading. Milliseconds. */
const CACHE_MS = 1_000;

/** The fleet-wide exposition, read from the database: the same from any replica. */
@Injectable()
export class Scrape {
  readonly #logger = new Logger("metrics");
  #reading: Promise<readonly CollectedFamily[]> | undefined;
  #freshUntil = 0;

  constructor(@Inject(COLLECTORS) private readonly collectors: readonly Collector[]) {}

  async text(format: Format): Promise<string> {
    return expose(await this.#families(), format);
  }

  #families(): Promise<readonly CollectedFamily[]> {
    if (this.#reading && performance.now() < this.#freshUntil) return this.#reading;
    // Shared while it is under way, however long that takes; the age of an answer counts from its beginning.
    this.#freshUntil = Infinity;
    const until = performance.now() + CACHE_MS;
    this.#reading = this.#read().finally(() => (this.#freshUntil = until));
    return this.#reading;
  }

  async #read(): Promise<readonly CollectedFamily[]> {
    const success = new Samples(GAUGES.collectorSuccess);
    const seconds = new Samples(GAUGES.collectorDuration);
    const collected = await Promise.all(
      this.collectors.map(async (collector) => {
        const began = performance.now();
        const families = await this.#collect(collector);
        success.set([collector.name], families ? 1 : 0);
        seconds.set([collector.name], Math.round(performance.now() - began) / 1_000);
        return families ?? [];
      }),
    );
    return [...collected.flat(), success.collected(), seconds.collected()];
  }

  async #collect(collector: Collector): Promise<readonly CollectedFamily[] | undefined> {
    try {
      return await collector.collect();
    } catch (error) {
      this.#logger.warn(`collector ${collector.name} failed: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }
}
