import type { FactoryProvider } from "@nestjs/common";
import { getToken } from "@willsoto/nestjs-prometheus";
import { Histogram, type HistogramConfiguration, register } from "prom-client";

/** Like `makeHistogramProvider`, for a histogram with exemplars (see {@link exemplarOf}). */
export const makeExemplarHistogramProvider = (options: HistogramConfiguration<string>): FactoryProvider => ({
  provide: getToken(options.name),
  useFactory: () => register.getSingleMetric(options.name) ?? registered(options),
});

/** The exemplar of an observation; empty without a trace. @param traceId 32 hexadecimal digits */
export const exemplarOf = (traceId: string | undefined): { readonly exemplarLabels?: { readonly trace_id: string } } =>
  traceId === undefined ? {} : { exemplarLabels: { trace_id: traceId } };

/**
 * The constructor refuses exemplars in a registry with text format, so the histogram is registered afterwards. The text then omits
 * exemplars; the JSON output, from which OpenMetrics is written, has them.
 */
function registered(options: HistogramConfiguration<string>): Histogram {
  const histogram = new Histogram({ ...options, enableExemplars: true, registers: [] });
  register.registerMetric(histogram);
  return histogram;
}
