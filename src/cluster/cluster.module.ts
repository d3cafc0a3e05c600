import { type DynamicModule, Module } from "@nestjs/common";
import { Children } from "./children.js";

/**
 * Enters: processes on one machine. Leaves: how many of them work, and what they count together.
 * Health and metrics of the primary ask; elsewhere there is nobody to ask.
 */
@Module({})
export class ClusterModule {
  static of(children: Children | undefined): DynamicModule {
    return { module: ClusterModule, providers: [{ provide: Children, useFactory: () => children }], exports: [Children] };
  }
}
