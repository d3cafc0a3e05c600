import { type DynamicModule, Module, type Type } from "@nestjs/common";
import type { Children } from "./cluster/children.js";
import type { Config } from "./config/index.js";
import { ConfigModule } from "./config/config.module.js";
import { DatabaseModule } from "./database/index.js";
import { HealthModule } from "./health/health.module.js";
import { BUILD } from "./metrics/build.js";
import { MetricsModule } from "./metrics/metrics.module.js";
import { TracingModule } from "./tracing/tracing.module.js";

/** The rooms of each mode. A process does not load the rooms of other modes. */
@Module({})
export class AppModule {
  /** @param children set in the primary of a cluster, which only supervises its children */
  static async for(config: Config, children?: Children): Promise<DynamicModule> {
    const rooms = children ? [] : await roomsOf(config);
    return {
      module: AppModule,
      imports: [
        ConfigModule.with(config),
        TracingModule.with(config, BUILD.version),
        DatabaseModule,
        HealthModule.watching(children),
        MetricsModule.of(children),
        ...rooms,
      ],
    };
  }
}

async function roomsOf({ MODE, BUFFER, CI_TRACES }: Config): Promise<(Type<unknown> | DynamicModule)[]> {
  const rooms: (Type<unknown> | DynamicModule)[] = [];
  const isBuffered = BUFFER !== "none";
  if (MODE !== "worker") {
    const before = isBuffered ? (await import("./buffer/intake.module.js")).BufferIntakeModule : undefined;
    rooms.push((await import("./ingest/ingest.module.js")).IngestModule.with(before));
  }
  if (MODE !== "gateway") {
    rooms.push((await import("./processing/processing.module.js")).ProcessingModule);
    rooms.push((await import("./reconcile/reconcile.module.js")).ReconcileModule);
    if (CI_TRACES === "on") rooms.push((await import("./ci-traces/ci-traces.module.js")).CiTracesModule);
    if (isBuffered) rooms.push((await import("./buffer/drain.module.js")).BufferDrainModule);
  }
  return rooms;
}
