import { type DynamicModule, Global, Module } from "@nestjs/common";
import type { Config } from "../config/index.js";
import { Tracing } from "./tracing.js";

/** True if the configuration exports traces of deliveries. */
export function isTracingOn(config: Config): boolean {
  if (config.OTEL_SDK_DISABLED === "true") return false;
  if (config.OTEL_TRACES_EXPORTER !== undefined) return config.OTEL_TRACES_EXPORTER !== "none";
  return config.OTEL_EXPORTER_OTLP_ENDPOINT !== undefined || config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT !== undefined;
}

/** Provides {@link Tracing} to all rooms. */
@Global()
@Module({})
export class TracingModule {
  /** @param version of this build */
  static with(config: Config, version: string): DynamicModule {
    const provider = {
      provide: Tracing,
      useFactory: async () =>
        new Tracing(isTracingOn(config) ? await (await import("./sdk.js")).tracerProvider(config, version) : undefined),
    };
    return { module: TracingModule, providers: [provider], exports: [Tracing] };
  }
}
