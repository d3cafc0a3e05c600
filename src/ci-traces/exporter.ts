import { withTimeout } from "../background/with-timeout.js";
import { Inject, Injectable } from "@nestjs/common";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { setImmediate as turn } from "node:timers/promises";
import { CONFIG, type Config } from "../config/index.js";
import { logComplaints } from "../tracing/diagnostics.js";
import { otlpExporter } from "../tracing/otlp-exporter.js";

/** In one request: 4 MB, which is what a collector takes by gRPC unless told otherwise, hold some thousands. */
const MOST_SPANS = 1_000;
/** Seconds for one request. The exporter gives up after OTEL_EXPORTER_OTLP_TIMEOUT, 10 s; this is for one that does not. */
const DEADLINE = 20;
/** Seconds for all requests of a trace; less than a lease. */
const LAST = 45;
const SHUTDOWN = 1;

/** Sends spans to the collector. */
@Injectable()
export class CiExporter {
  readonly #stop = new AbortController();
  #exporter: Promise<SpanExporter> | undefined;

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** @returns once the collector has taken all of them @throws where it did not; some may have been taken then */
  async send(spans: Iterable<ReadableSpan>): Promise<void> {
    const exporter = await this.#made();
    const until = Date.now() + LAST * 1_000;
    let some: ReadableSpan[] = [];
    for (const span of spans) {
      some.push(span);
      if (some.length < MOST_SPANS) continue;
      await this.#export(exporter, some, until);
      some = [];
      // Others have waited while these were made.
      await turn();
    }
    if (some.length > 0) await this.#export(exporter, some, until);
  }

  /** Whether nothing is sent any more. */
  get isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /** What is under way fails at once: a collector that thinks must not hold a stop up. */
  abandon(): void {
    this.#stop.abort();
  }

  async close(): Promise<void> {
    const exporter = await this.#exporter?.catch(() => undefined);
    if (exporter) await withTimeout(SHUTDOWN * 1_000, exporter.shutdown(), "the exporter did not end").catch(() => undefined);
  }

  #made(): Promise<SpanExporter> {
    logComplaints();
    this.#exporter ??= otlpExporter(this.config).catch((error: unknown) => {
      this.#exporter = undefined;
      throw error;
    });
    return this.#exporter;
  }

  async #export(exporter: SpanExporter, spans: ReadableSpan[], until: number): Promise<void> {
    const exported = new Promise<ExportResult>((resolve) => exporter.export(spans, resolve));
    const seconds = Math.min(DEADLINE, (until - Date.now()) / 1_000);
    const message = `the collector did not answer within ${Math.round(seconds)} s`;
    const result = await withTimeout(seconds * 1_000, exported, message, this.#stop.signal).catch((error: unknown) => {
      throw this.isStopping ? new Error("this process stops") : error;
    });
    if (result.code !== ExportResultCode.SUCCESS) throw result.error ?? new Error("the collector did not take it");
  }
}
