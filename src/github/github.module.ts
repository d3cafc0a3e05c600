import { type DynamicModule, Module, type Type } from "@nestjs/common";
import { Actions } from "./actions.js";
import { Credentials } from "./credentials.js";
import { githubMetricProviders, GitHubMetrics } from "./github.metrics.js";
import { GitHub } from "./github.js";
import { HookLog } from "./hook-log.js";
import { Limits } from "./limits.js";

/** Client of GitHub's REST API, within the rate limits of the whole fleet. Reconcile uses it. */
@Module({})
export class GitHubModule {
  /** @param limits stores the rate limits @param from the module that provides the dependencies of `limits` */
  static within(limits: Type<Limits>, from: Type<unknown>): DynamicModule {
    return {
      module: GitHubModule,
      imports: [from],
      providers: [{ provide: Limits, useClass: limits }, Credentials, GitHub, HookLog, Actions, GitHubMetrics, ...githubMetricProviders],
      exports: [GitHub, HookLog, Actions],
    };
  }
}
