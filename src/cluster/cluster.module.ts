import { type DynamicModule, Module } from "@nestjs/common";
import { Children } from "./children.js";

/**
 * Input: child processes on one machine. Output: how many are ready, and the sums of their metrics.
 * Used by health and metrics in the primary; undefined in other processes.
 */
@Module({})
export class ClusterModule {
  static of(children: Children | undefined): DynamicModule {
    return { module: ClusterModule, providers: [{ provide: Children, useFactory: () => children }], exports: [Children] };
  }
}
