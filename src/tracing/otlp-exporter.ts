import type { SpanExporter } from "@opentelemetry/sdk-trace";
import type { Config } from "../config/index.js";

/** The variables of the OTLP exporter. */
export type OtlpConfig = Pick<
  Config,
  | "OTEL_EXPORTER_OTLP_ENDPOINT"
  | "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"
  | "OTEL_EXPORTER_OTLP_PROTOCOL"
  | "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"
  | "OTEL_EXPORTER_OTLP_HEADERS"
>;

/**
 * Makes the OTLP exporter and loads only the library of its protocol. The library reads the variables for timeout, compression and
 * certificates itself (https://opentelemetry.io/docs/specs/otel/protocol/exporter/).
 */
export async function otlpExporter(config: OtlpConfig): Promise<SpanExporter> {
  const protocol = config.OTEL_EXPORTER_OTLP_TRACES_PROTOCOL ?? config.OTEL_EXPORTER_OTLP_PROTOCOL;
  const headers = config.OTEL_EXPORTER_OTLP_HEADERS;
  if (protocol === "grpc") {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-grpc");
    const { Metadata } = await import("@grpc/grpc-js");
    const metadata = new Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    const url = config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? config.OTEL_EXPORTER_OTLP_ENDPOINT;
    return new OTLPTraceExporter({ metadata, ...(url === undefined ? {} : { url }) });
  }
  const { OTLPTraceExporter } =
    protocol === "http/json"
      ? await import("@opentelemetry/exporter-trace-otlp-http")
      : await import("@opentelemetry/exporter-trace-otlp-proto");
  const url = httpUrl(config);
  return new OTLPTraceExporter({ headers: { ...headers }, ...(url === undefined ? {} : { url }) });
}

function httpUrl(config: OtlpConfig): string | undefined {
  if (config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined) return config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  const base = config.OTEL_EXPORTER_OTLP_ENDPOINT;
  return base === undefined ? undefined : `${base.replace(/\/+$/, "")}/v1/traces`;
}
