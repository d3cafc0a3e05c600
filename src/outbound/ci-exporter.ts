import { Inject, Injectable } from "@nestjs/common";
import { type ExportResult, ExportResultCode } from "@opentelemetry/core";
import type { ReadableSpan, SpanExporter } from "@opentelemetry/sdk-trace";
import { CONFIG, type Config } from "../config/config.js";
import { otlpExporter } from "../tracing/otlp-exporter.js";

/** In one request: 4 MB, which is what a collector takes by gRPC unless told otherwise, hold some thousands. */
const MOST_SPANS = 1_000;
/** Seconds. The exporter gives up after OTEL_EXPORTER_OTLP_TIMEOUT, 10 s; this is for one that does not. */
const DEADLINE = 20;
const SHUTDOWN = 2;

/** Sends spans to the collector. */
@Injectable()
export class CiExporter {
  #exporter: Promise<SpanExporter> | undefined;

  constructor(@Inject(CONFIG) private readonly config: Config) {}

  /** @returns once the collector has taken all of them @throws where it did not; some may have been taken then */
  async send(spans: readonly ReadableSpan[]): Promise<void> {
    const exporter = await (this.#exporter ??= otlpExporter(this.config));
    const until = Date.now() + DEADLINE * 1_000;
    for (let from = 0; from < spans.length; from += MOST_SPANS) {
      const exported = new Promise<ExportResult>((resolve) => exporter.export(spans.slice(from, from + MOST_SPANS), resolve));
      const result = await within(until - Date.now(), exported);
      if (result === undefined) throw new Error(`the collector did not answer within ${DEADLINE} s`);
      if (result.code !== ExportResultCode.SUCCESS) throw result.error ?? new Error("the collector did not take it");
    }
  }

  async close(): Promise<void> {
    const exporter = await this.#exporter;
    if (exporter) await within(SHUTDOWN * 1_000, exporter.shutdown());
  }
}

/** @returns undefined where it takes longer than so many milliseconds */
async function within<T>(milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<undefined>((resolve) => (timer = setTimeout(resolve, Math.max(0, milliseconds), undefined)));
  return Promise.race([work, tooLate]).finally(() => clearTimeout(timer));
}
