import { type DynamicModule, Module } from "@nestjs/common";
import { PrometheusModule } from "@willsoto/nestjs-prometheus";
import { BufferModule } from "../buffer/buffer.module.js";
import type { Children } from "../cluster/children.js";
import { ClusterModule } from "../cluster/cluster.module.js";
import { CONFIG, type Config } from "../config/index.js";
import { CountersModule } from "../counters/counters.module.js";
import { DatabaseModule } from "../database/index.js";
import { type Collector, COLLECTORS } from "./collector.js";
import { BufferCollector } from "./collectors/buffer.collector.js";
import { CiTracesCollector } from "./collectors/ci-traces.collector.js";
import { CountersCollector } from "./collectors/counters.collector.js";
import { DeadLettersCollector } from "./collectors/dead-letters.collector.js";
import { GitHubCollector } from "./collectors/github.collector.js";
import { HistogramsCollector } from "./collectors/histograms.collector.js";
import { HooksCollector } from "./collectors/hooks.collector.js";
import { InboxCollector } from "./collectors/inbox.collector.js";
import { JobsCollector } from "./collectors/jobs.collector.js";
import { RetriesCollector } from "./collectors/retries.collector.js";
import { RunsCollector } from "./collectors/runs.collector.js";
import { MetricsController } from "./metrics.controller.js";
import { OpenGauges } from "./open-gauges.js";
import { ProcessMetricsController } from "./process-metrics.controller.js";
import { processMetricProviders, ProcessMetrics } from "./process-metrics.js";
import { PromgithubCollector } from "./promgithub/promgithub.collector.js";
import { Scrape } from "./scrape.js";

const collectors = [
  RunsCollector,
  JobsCollector,
  CountersCollector,
  HistogramsCollector,
  InboxCollector,
  RetriesCollector,
  DeadLettersCollector,
  HooksCollector,
  GitHubCollector,
];

// Once: it registers the metrics of the process.
const prometheus = PrometheusModule.register({
  controller: ProcessMetricsController,
  path: "/metrics/process",
  defaultMetrics: { enabled: true },
});

/** Enters: a scrape. Leaves: the fleet's truth, read from rows, or this process's own view. Nobody imports this room. */
@Module({})
export class MetricsModule {
  /** @param children in the primary of a cluster */
  static of(children: Children | undefined): DynamicModule {
    return {
      module: MetricsModule,
      imports: [
        DatabaseModule,
        CountersModule,
        BufferModule,
        ClusterModule.of(children),
        { ...prometheus, imports: [ClusterModule.of(children)] },
      ],
      controllers: [MetricsController],
      providers: [
        Scrape,
        OpenGauges,
        ...collectors,
        BufferCollector,
        CiTracesCollector,
        PromgithubCollector,
        {
          provide: COLLECTORS,
          useFactory: (config: Config, buffer: Collector, traces: Collector, promgithub: Collector, ...own: Collector[]) => [
            ...own,
            ...(config.BUFFER === "none" ? [] : [buffer]),
            ...(config.CI_TRACES === "off" ? [] : [traces]),
            ...(config.COMPAT_METRICS === "promgithub" ? [promgithub] : []),
          ],
          inject: [CONFIG, BufferCollector, CiTracesCollector, PromgithubCollector, ...collectors],
        },
        ProcessMetrics,
        ...processMetricProviders,
      ],
    };
  }
}
