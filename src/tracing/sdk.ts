import { defaultResource, hostDetector, processDetector, detectResources, resourceFromAttributes } from "@opentelemetry/resources";
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  ParentBasedSampler,
  type Sampler,
  SimpleSpanProcessor,
  type SpanProcessor,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from "@opentelemetry/sdk-trace";
import { ATTR_SERVICE_NAME, ATTR_SERVICE_VERSION } from "@opentelemetry/semantic-conventions";
import type { Config } from "../config/index.js";
import { BatchSampler } from "./batch-sampler.js";
import { logComplaints } from "./diagnostics.js";
import { otlpExporter } from "./otlp-exporter.js";

/** Configures the OpenTelemetry SDK. Import this file only if tracing is on, because the SDK is large. */
export async function tracerProvider(config: Config, version: string): Promise<TracerProvider> {
  logComplaints();
  // Only pid and host: the other attributes contain the command line and the user.
  const { "process.pid": pid, "host.name": host } = detectResources({ detectors: [hostDetector, processDetector] }).attributes;
  const resource = defaultResource()
    .merge(resourceFromAttributes({ "process.pid": pid, "host.name": host }))
    .merge(resourceFromAttributes({ [ATTR_SERVICE_VERSION]: version, ...config.OTEL_RESOURCE_ATTRIBUTES }));
  const named = isNamed(config) ? resource : resource.merge(resourceFromAttributes({ [ATTR_SERVICE_NAME]: config.OTEL_SERVICE_NAME }));
  return new TracerProvider({ resource: named, sampler: samplerOf(config), spanProcessors: [await processorOf(config)] });
}

/** True if only OTEL_RESOURCE_ATTRIBUTES sets `service.name`; an OTEL_SERVICE_NAME other than the default has precedence. */
const isNamed = (config: Config): boolean =>
  config.OTEL_SERVICE_NAME === "octogauge" && ATTR_SERVICE_NAME in config.OTEL_RESOURCE_ATTRIBUTES;

function samplerOf({ OTEL_TRACES_SAMPLER: name, OTEL_TRACES_SAMPLER_ARG: ratio }: Config): Sampler {
  const root = name.endsWith("always_on")
    ? new AlwaysOnSampler()
    : name.endsWith("always_off")
      ? new AlwaysOffSampler()
      : new TraceIdRatioBasedSampler(ratio);
  if (name === "always_off") return root;
  return new BatchSampler(name.startsWith("parentbased_") ? new ParentBasedSampler({ root }) : root);
}

async function processorOf(config: Config): Promise<SpanProcessor> {
  if (config.OTEL_TRACES_EXPORTER === "console") return new SimpleSpanProcessor({ exporter: new ConsoleSpanExporter() });
  return new BatchSpanProcessor({
    exporter: await otlpExporter(config),
    scheduledDelayMillis: config.OTEL_BSP_SCHEDULE_DELAY,
    exportTimeoutMillis: config.OTEL_BSP_EXPORT_TIMEOUT,
    maxQueueSize: config.OTEL_BSP_MAX_QUEUE_SIZE,
    maxExportBatchSize: config.OTEL_BSP_MAX_EXPORT_BATCH_SIZE,
  });
}
