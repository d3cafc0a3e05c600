import { withTimeout } from "../background/with-timeout.js";
import { Inject, Injectable } from "@nestjs/common";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { setImmediate as yieldToEventLoop } from "node:timers/promises";
import { CONFIG, type Config } from "../config/index.js";
import { logComplaints } from "../tracing/diagnostics.js";
import { otlpExporter } from "../tracing/otlp-exporter.js";

/** Per request. A collector's default limit for gRPC, 4 MB, holds some thousands of spans. */
const MAX_SPANS_PER_REQUEST = 1_000;
/** For one request. The exporter should time out before, after OTEL_EXPORTER_OTLP_TIMEOUT (10 s). */
const REQUEST_TIMEOUT_SECONDS = 20;
/** For all requests of a trace; less than a lease. */
const TRACE_TIMEOUT_SECONDS = 45;
const SHUTDOWN_TIMEOUT_SECONDS = 1;

/** Sends spans to the collector. */
@Injectable()
export class CiExporter {
  readonly #stop = new AbortController();
  #exporter: Promise<SpanExporter> | undefined;

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** Resolves once the collector has accepted all spans. @throws if a request failed; some spans may be accepted then */
  async send(spans: Iterable<ReadableSpan>): Promise<void> {
    const exporter = await this.#getExporter();
    const until = Date.now() + TRACE_TIMEOUT_SECONDS * 1_000;
    let batch: ReadableSpan[] = [];
    for (const span of spans) {
      batch.push(span);
      if (batch.length < MAX_SPANS_PER_REQUEST) continue;
      await this.#export(exporter, batch, until);
      batch = [];
      // Yield to the event loop after building a request.
      await yieldToEventLoop();
    }
    if (batch.length > 0) await this.#export(exporter, batch, until);
  }

  /** Whether the shutdown has started; nothing is sent then. */
  get isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  /** Fails running requests at once, so that a slow collector does not delay the shutdown. */
  abandon(): void {
    this.#stop.abort();
  }

  async close(): Promise<void> {
    const exporter = await this.#exporter?.catch(() => undefined);
    if (exporter)
      await withTimeout(SHUTDOWN_TIMEOUT_SECONDS * 1_000, exporter.shutdown(), "the exporter did not end").catch(() => undefined);
  }

  #getExporter(): Promise<SpanExporter> {
    logComplaints();
    this.#exporter ??= otlpExporter(this.config).catch((error: unknown) => {
      this.#exporter = undefined;
      throw error;
    });
    return this.#exporter;
  }

  async #export(exporter: SpanExporter, spans: ReadableSpan[], until: number): Promise<void> {
    const exported = new Promise<ExportResult>((resolve) => exporter.export(spans, resolve));
    const seconds = Math.min(REQUEST_TIMEOUT_SECONDS, (until - Date.now()) / 1_000);
    const message = `the collector did not answer within ${Math.round(seconds)} s`;
    const result = await withTimeout(seconds * 1_000, exported, message, this.#stop.signal).catch((error: unknown) => {
      throw this.isStopping ? new Error("this process is shutting down") : error;
    });
    if (result.code !== ExportResultCode.SUCCESS) throw result.error ?? new Error("the collector rejected the request");
  }
}
