import { type DynamicModule, Global, Module } from "@nestjs/common";
import { CONFIG, type Config } from "./config.js";
import { LiveConfig } from "./live-config.js";

/** Provides the frozen Config, parsed once at start, and the current secrets. Every room may read it. */
@Global()
@Module({})
export class ConfigModule {
  static with(config: Config): DynamicModule {
    return { module: ConfigModule, providers: [{ provide: CONFIG, useValue: config }, LiveConfig], exports: [CONFIG, LiveConfig] };
  }
}
