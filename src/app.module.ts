import { type DynamicModule, Module } from "@nestjs/common";
import type { Config } from "./config/config.js";
import { ConfigModule } from "./config/config.module.js";
import { DatabaseModule } from "./database/database.module.js";
import { HealthModule } from "./health/health.module.js";
import { IngestModule } from "./ingest/ingest.module.js";
import { MetricsModule } from "./metrics/metrics.module.js";
import { ProcessingModule } from "./processing/processing.module.js";
import { ReconcileModule } from "./reconcile/reconcile.module.js";

/** The rooms that each mode is composed of. */
@Module({})
export class AppModule {
  static for(config: Config): DynamicModule {
    const receives = config.MODE === "worker" ? [] : [IngestModule];
    const processes = config.MODE === "gateway" ? [] : [ProcessingModule, ReconcileModule];
    return {
      module: AppModule,
      imports: [ConfigModule.with(config), DatabaseModule, HealthModule, MetricsModule, ...receives, ...processes],
    };
  }
}
