import { withTimeout } from "../background/with-timeout.js";
import { messageOf } from "../logging/index.js";
import { Inject, Injectable, Logger } from "@nestjs/common";
import type { Span } from "@opentelemetry/api";
import { GAUGES } from "../counters/index.js";
import { Database } from "../database/index.js";
import { end, now, Tracing } from "../tracing/index.js";
import { type Collector, COLLECTORS } from "./collector.js";
import { type CollectedFamily, expose, type Format, Samples } from "./exposition.js";

/** Concurrent scrapes share one read; replicas may differ by this age. */
const CACHE_MS = 1_000;

/** Prometheus' default `scrape_timeout` is 10 s. Collectors that do not finish in time are omitted. */
const DEADLINE_MS = 9_000;

/** The fleet-wide exposition, read from the database; the same from every replica. */
@Injectable()
export class Scrape {
  readonly #logger = new Logger("metrics");
  #lastRead: Promise<readonly CollectedFamily[]> | undefined;
  #freshUntil = 0;
  readonly #running = new Set<Collector>();

  constructor(
    @Inject(COLLECTORS) private readonly collectors: readonly Collector[],
    private readonly database: Database,
    private readonly tracing: Tracing,
  ) {}

  async pages(format: Format): Promise<Buffer[]> {
    return expose(await this.#families(), format);
  }

  #families(): Promise<readonly CollectedFamily[]> {
    if (this.#lastRead && performance.now() < this.#freshUntil) return this.#lastRead;
    // Scrapes share a read until it ends; its age counts from its start.
    this.#freshUntil = Infinity;
    const until = performance.now() + CACHE_MS;
    this.#lastRead = this.#read().finally(() => (this.#freshUntil = until));
    return this.#lastRead;
  }

  async #read(): Promise<readonly CollectedFamily[]> {
    const success = new Samples(GAUGES.collectorSuccess);
    const seconds = new Samples(GAUGES.collectorDuration);
    const collected: CollectedFamily[] = [];
    const askedAt = performance.now();
    const deadline = askedAt + DEADLINE_MS;
    const span = this.tracing.isOn ? this.tracing.start("scrape") : undefined;
    // Sequential: in parallel, collectors would take the database's cores from ingest.
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

  /** A query that timed out still holds a connection, so the collector does not start again before it ends. */
  async #run(collector: Collector, askedAt: number, seconds: number, span: Span | undefined): Promise<readonly CollectedFamily[]> {
    this.#running.add(collector);
    try {
      const database = this.database.within(seconds);
      return await collector.collect(span ? this.tracing.traced(database, span) : database, askedAt);
    } finally {
      this.#running.delete(collector);
    }
  }

  async #collect(
    collector: Collector,
    askedAt: number,
    timeoutMs: number,
    parent: Span | undefined,
  ): Promise<readonly CollectedFamily[] | undefined> {
    const span = parent && this.tracing.start(`collect ${collector.name}`, { parent: parent.spanContext() });
    try {
      if (timeoutMs <= 0) throw new Error("the scrape deadline was reached before this collector started");
      if (this.#running.has(collector)) throw new Error("its query of an earlier scrape has not ended");
      const running = this.#run(collector, askedAt, timeoutMs / 1_000, span);
      const families = await withTimeout(timeoutMs, running, "it did not end before the scrape deadline");
      if (span) end(span);
      return families;
    } catch (error) {
      if (span) end(span, now(), error);
      this.#logger.warn(`collector ${collector.name} failed: ${messageOf(error)}`);
      return undefined;
    }
  }
}
