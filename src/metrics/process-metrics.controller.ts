import { Controller, Get, Inject, Res, UseGuards } from "@nestjs/common";
import { PrometheusController } from "@willsoto/nestjs-prometheus";
import type { Response } from "express";
import { register } from "prom-client";
import { Children } from "../cluster/children.js";
import { MetricsTokenGuard } from "./metrics-token.guard.js";

/** This process alone, or all of this machine's where it is the primary of a cluster: to be scraped on every replica. */
@Controller("metrics/process")
@UseGuards(MetricsTokenGuard)
export class ProcessMetricsController extends PrometheusController {
  constructor(@Inject(Children) private readonly children: Children | undefined) {
    super();
  }

  @Get()
  override async index(@Res({ passthrough: true }) response: Response): Promise<string> {
    if (!this.children) return super.index(response);
    response.header("content-type", register.contentType);
    return this.children.metrics();
  }
}
