import { type DynamicModule, Module, type Type } from "@nestjs/common";
import { Actions } from "./actions.js";
import { Credentials } from "./credentials.js";
import { githubMetricProviders, GitHubMetrics } from "./github.metrics.js";
import { GitHub } from "./github.js";
import { HookLog } from "./hook-log.js";
import { Limits } from "./limits.js";

/**
 * Enters: questions to GitHub's REST API. Leaves: its answers, within the limits that the fleet obeys together.
 * Reconcile calls.
 */
@Module({})
export class GitHubModule {
  /** @param limits where the fleet keeps its limits; the module that it comes from */
  static within(limits: Type<Limits>, from: Type<unknown>): DynamicModule {
    return {
      module: GitHubModule,
      imports: [from],
      providers: [{ provide: Limits, useClass: limits }, Credentials, GitHub, HookLog, Actions, GitHubMetrics, ...githubMetricProviders],
      exports: [GitHub, HookLog, Actions],
    };
  }
}
