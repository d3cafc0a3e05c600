import { Controller, Get, Headers, Inject, Res, UseGuards } from "@nestjs/common";
import type { Response } from "express";
import { register } from "prom-client";
import { Children } from "../cluster/children.js";
import type { MetricSnapshot } from "../cluster/process-totals.js";
import { CONTENT_TYPES, negotiate } from "./exposition.js";
import { MetricsTokenGuard } from "./metrics-token.guard.js";
import { openMetricsOf } from "./process-exposition.js";

/** Metrics of this process; in the primary of a cluster, of all its children. Scrape every replica. */
@Controller("metrics/process")
@UseGuards(MetricsTokenGuard)
export class ProcessMetricsController {
  constructor(@Inject(Children) private readonly children: Children | undefined) {}

  @Get()
  async process(@Headers("accept") accept: string | undefined, @Res() response: Response): Promise<void> {
    const format = negotiate(accept);
    const text = format === "openmetrics" ? openMetricsOf(await this.#snapshots()) : await this.#text();
    response.setHeader("content-type", CONTENT_TYPES[format]).end(text);
  }

  #text(): Promise<string> {
    return this.children ? this.children.metrics() : register.metrics();
  }

  async #snapshots(): Promise<readonly MetricSnapshot[]> {
    return this.children ? this.children.snapshots() : ((await register.getMetricsAsJSON()) as unknown as MetricSnapshot[]);
  }
}
