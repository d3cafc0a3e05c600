import { type DynamicModule, Global, Module } from "@nestjs/common";
import { CONFIG, type Config } from "./config.js";
import { LiveConfig } from "./live-config.js";

/**
 * Enters: the environment, parsed once before the application is made.
 * Leaves: one frozen Config, and the secrets as they are now. Everybody may read it.
 */
@Global()
@Module({})
export class ConfigModule {
  static with(config: Config): DynamicModule {
    return { module: ConfigModule, providers: [{ provide: CONFIG, useValue: config }, LiveConfig], exports: [CONFIG, LiveConfig] };
  }
}
