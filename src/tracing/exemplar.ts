import type { FactoryProvider } from "@nestjs/common";
import { getToken } from "@willsoto/nestjs-prometheus";
import { Histogram, type HistogramConfiguration, register } from "prom-client";

/** Like `makeHistogramProvider`, of a histogram that takes {@link exemplarOf}. */
export const makeExemplarHistogramProvider = (options: HistogramConfiguration<string>): FactoryProvider => ({
  provide: getToken(options.name),
  useFactory: () => register.getSingleMetric(options.name) ?? registered(options),
});

/** What hangs a trace onto an observation; nothing where there is none. @param traceId 32 hexadecimal digits */
export const exemplarOf = (traceId: string | undefined): { readonly exemplarLabels?: { readonly trace_id: string } } =>
  traceId === undefined ? {} : { exemplarLabels: { trace_id: traceId } };

/**
 * A registry of the text format takes no histogram with exemplars while that is made, since the text has no place for them.
 * It takes it afterwards, leaves them out of the text, and has them in JSON, which OpenMetrics is written from.
 */
function registered(options: HistogramConfiguration<string>): Histogram {
  const histogram = new Histogram({ ...options, enableExemplars: true, registers: [] });
  register.registerMetric(histogram);
  return histogram;
}
