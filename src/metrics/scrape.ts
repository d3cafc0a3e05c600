import { withTimeout } from "../background/with-timeout.js";
import { messageOf } from "../logging/index.js";
import { Inject, Injectable, Logger } from "@nestjs/common";
import type { Span } from "@opentelemetry/api";
import { GAUGES } from "../counters/index.js";
import { Database } from "../database/index.js";
import { end, now, Tracing } from "../tracing/index.js";
import { type Collector, COLLECTORS } from "./collector.js";
import { type CollectedFamily, expose, type Format, Samples } from "./exposition.js";

/** Answers of replicas may differ by this much; concurrent scrapers share one reading. Milliseconds. */
const CACHE_MS = 1_000;

/** A scraper waits for 10 s unless it is told otherwise (Prometheus: `scrape_timeout`); what cannot be had by then is left out. */
const DEADLINE_MS = 9_000;

/** The fleet-wide exposition, read from the database: the same from any replica. */
@Injectable()
export class Scrape {
  readonly #logger = new Logger("metrics");
  #reading: Promise<readonly CollectedFamily[]> | undefined;
  #freshUntil = 0;
  readonly #unanswered = new Set<Collector>();

  constructor(
    @Inject(COLLECTORS) private readonly collectors: readonly Collector[],
    private readonly database: Database,
    private readonly tracing: Tracing,
  ) {}

  /** The pages of an answer. */
  async pages(format: Format): Promise<Buffer[]> {
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
    const collected: CollectedFamily[] = [];
    const askedAt = performance.now();
    const deadline = askedAt + DEADLINE_MS;
    const span = this.tracing.isOn ? this.tracing.start("scrape") : undefined;
    // One after the other: side by side they would take all of the server's cores from the commits of ingest.
    for (const collector of this.collectors) {
      const began = performance.now();
      const families = await this.#collect(collector, askedAt, deadline - began, span);
      success.set([collector.name], families ? 1 : 0);
      seconds.set([collector.name], Math.round(performance.now() - began) / 1_000);
      if (families) collected.push(...families);
    }
    if (span) end(span);
    return [...collected, success.collected(), seconds.collected()];
  }

  /** A question that was given up still takes a connection: it is not asked a second time meanwhile. */
  async #ask(collector: Collector, askedAt: number, seconds: number, span: Span | undefined): Promise<readonly CollectedFamily[]> {
    this.#unanswered.add(collector);
    try {
      const database = this.database.within(seconds);
      return await collector.collect(span ? this.tracing.traced(database, span) : database, askedAt);
    } finally {
      this.#unanswered.delete(collector);
    }
  }

  async #collect(
    collector: Collector,
    askedAt: number,
    milliseconds: number,
    parent: Span | undefined,
  ): Promise<readonly CollectedFamily[] | undefined> {
    const span = parent && this.tracing.start(`collect ${collector.name}`, { parent: parent.spanContext() });
    try {
      if (milliseconds <= 0) throw new Error("the time of the scrape was up");
      if (this.#unanswered.has(collector)) throw new Error("its question of an earlier scrape is not answered yet");
      const families = await withTimeout(
        milliseconds,
        this.#ask(collector, askedAt, milliseconds / 1_000, span),
        "it did not end within the time of the scrape",
      );
      if (span) end(span);
      return families;
    } catch (error) {
      if (span) end(span, now(), error);
      this.#logger.warn(`collector ${collector.name} failed: ${messageOf(error)}`);
      return undefined;
    }
  }
}
