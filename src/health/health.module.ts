import { type DynamicModule, Module } from "@nestjs/common";
import { TerminusModule } from "@nestjs/terminus";
import { BufferModule } from "../buffer/buffer.module.js";
import type { Children } from "../cluster/children.js";
import { ClusterModule } from "../cluster/cluster.module.js";
import { DatabaseModule } from "../database/index.js";
import { HealthController } from "./health.controller.js";
import { Readiness } from "./readiness.js";

/** Enters: a probe. Leaves: whether this process lives, and whether it can do its work. Nobody imports this room. */
@Module({})
export class HealthModule {
  /** @param children in the primary of a cluster */
  static watching(children: Children | undefined): DynamicModule {
    return {
      module: HealthModule,
      imports: [TerminusModule.forRoot({ errorLogStyle: "json", logger: false }), DatabaseModule, BufferModule, ClusterModule.of(children)],
      controllers: [HealthController],
      providers: [Readiness],
    };
  }
}
